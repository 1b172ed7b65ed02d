//! The domains that the store knows, and what becomes of them.
//!
//! ```text
//!              SET_PERMS names it            INTRODUCE                 shut down            gone, dying, RELEASE
//!   unknown -----------------------> known ------------> introduced ------------> shutdown -----------------------> unknown
//!                                      |  @introduceDomain             @releaseDomain          nodes it owned are removed,
//!                                      \------------- gone ---------------------------------->  then @releaseDomain
//! ```

use std::collections::BTreeMap;

use xen_abi::DomId;

use super::{ConnId, Effect, Server};
use crate::path::{self, RELEASE_DOMAIN, StorePath};
use crate::perms::{Identity, KnownSince, Perms};
use crate::tree::{Node, Tree};
use crate::watch::Change;

/// What the hypervisor says of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DomainState {
    /// It runs, is paused or blocked.
    Alive,
    /// It shut down and waits for the toolstack.
    Shutdown,
    /// It is being destroyed, or there is none.
    Gone,
}

#[derive(Debug)]
pub(super) struct Domain {
    since: u64,
    /// Its ring, once introduced.
    pub ring: Option<ConnId>,
    /// Its shutdown has been reported.
    pub shutdown: bool,
    /// The domain it acts for.
    pub target: Option<DomId>,
}

#[derive(Debug)]
pub(super) struct Domains {
    known: BTreeMap<DomId, Domain>,
    /// How many have gone: a transaction that saw another count must not be taken as it is.
    pub gone: u64,
}

impl Domains {
    pub fn new() -> Domains {
        let mut domains = Domains { known: BTreeMap::new(), gone: 0 };
        domains.learn(DomId::DOM0, 0);
        domains
    }

    pub fn get(&self, domid: DomId) -> Option<&Domain> {
        self.known.get(&domid)
    }

    pub fn get_mut(&mut self, domid: DomId) -> Option<&mut Domain> {
        self.known.get_mut(&domid)
    }

    /// Notes that a domain exists; an entry that stands is left alone.
    pub fn learn(&mut self, domid: DomId, generation: u64) -> &mut Domain {
        let fresh = || Domain { since: generation, ring: None, shutdown: false, target: None };
        self.known.entry(domid).or_insert_with(fresh)
    }

    fn forget(&mut self, domid: DomId) -> Option<Domain> {
        let domain = self.known.remove(&domid)?;
        self.gone += 1;
        for other in self.known.values_mut().filter(|other| other.target == Some(domid)) {
            other.target = None;
        }
        Some(domain)
    }
}

impl KnownSince for Domains {
    fn known_since(&self, domid: DomId) -> Option<u64> {
        self.get(domid).map(|domain| domain.since)
    }
}

impl Server {
    /// Domains whose state the shell should look at when VIRQ_DOM_EXC came. dom0 is not among them.
    pub fn watched_domains(&self) -> Vec<DomId> {
        self.domains.known.keys().copied().filter(|domid| *domid != DomId::DOM0).collect()
    }

    /// Takes what the hypervisor says of domains. Domains that are gone lose their nodes and rings; @releaseDomain fires once for each of
    /// them that was introduced, and once for all that newly shut down.
    pub fn domain_states(&mut self, states: impl IntoIterator<Item = (DomId, DomainState)>) {
        let mut newly_shutdown = false;
        for (domid, state) in states {
            match (state, self.domains.get_mut(domid)) {
                (_, None) => {}
                (DomainState::Gone, Some(_)) => self.forget_domain(domid),
                (DomainState::Shutdown, Some(domain)) if domain.ring.is_some() => {
                    newly_shutdown |= !std::mem::replace(&mut domain.shutdown, true);
                }
                _ => {}
            }
        }
        if newly_shutdown {
            self.announce(RELEASE_DOMAIN);
        }
    }

    /// Removes a domain: its watches, its nodes, its ring. dom0 never goes.
    pub(super) fn forget_domain(&mut self, domid: DomId) {
        if domid == DomId::DOM0 {
            return;
        }
        let ring = self.domains.get(domid).and_then(|domain| domain.ring);
        if let Some(conn) = ring {
            self.disconnect(conn);
        }
        self.remove_nodes_of(domid);
        self.domains.forget(domid);
        if let Some(conn) = ring {
            self.effects.push_back(Effect::Release { conn, domid });
            self.announce(RELEASE_DOMAIN);
        }
    }

    /// Fires the watches on an `@` name.
    pub(super) fn announce(&mut self, name: &str) {
        let Ok(path) = StorePath::parse(name) else { return };
        let found = self.tree.find(&path);
        let seen_by = found.node.into_iter().chain([found.above]).map(|node| node.perms().clone()).collect();
        self.deliver(&[Change::special(path, seen_by)]);
    }

    /// Removes everything that a domain owns, so that the next one with its number owns nothing.
    fn remove_nodes_of(&mut self, domid: DomId) {
        for special in [path::INTRODUCE_DOMAIN, path::RELEASE_DOMAIN] {
            let Ok(path) = StorePath::parse(special) else { continue };
            if self.tree.node(&path).is_some_and(|node| node.perms().owner() == domid) {
                self.generation += 1;
                self.tree.set_perms(&path, Perms::dom0_only(), self.generation);
            }
        }
        let home = path::domain(domid).root().clone();
        for top in [home, StorePath::root()] {
            if self.tree.accounts().get(domid).nodes == 0 {
                return;
            }
            self.remove_owned_below(&top, domid);
        }
    }

    fn remove_owned_below(&mut self, top: &StorePath, domid: DomId) {
        for path in owned_below(&self.tree, top, domid) {
            let parent = self.tree.find(&path).above.perms().clone();
            self.generation += 1;
            if let Some(removed) = self.tree.remove(&path, self.generation) {
                self.deliver(&[Change::removed(path, removed, parent)]);
            }
        }
        let owns_root = self.tree.root().perms().owner() == domid;
        if top.is_root() && owns_root {
            self.generation += 1;
            self.tree.set_perms(top, Perms::dom0_only(), self.generation);
        }
    }

    /// As whom a connection's requests are judged.
    pub(super) fn identity(&self, conn: ConnId) -> Option<Identity> {
        let connection = self.connections.get(&conn)?;
        Some(match connection.kind {
            super::ConnKind::Socket => Identity::TOOLS,
            super::ConnKind::Ring(domid) => {
                let target = self.domains.get(domid).and_then(|domain| domain.target);
                Identity { domid, privileged: connection.privileged(), target }
            }
        })
    }
}

/// The topmost nodes that a domain owns, `top` and below, the root left out.
fn owned_below(tree: &Tree, top: &StorePath, domid: DomId) -> Vec<StorePath> {
    let mut owned = Vec::new();
    let mut pending: Vec<(&Node, StorePath)> = tree.node(top).map(|node| (&**node, top.clone())).into_iter().collect();
    while let Some((node, path)) = pending.pop() {
        if node.perms().owner() == domid && !path.is_root() {
            owned.push(path);
            continue;
        }
        let below = node.children().rev().map(|child| (&**child.node(), path.child(child.name())));
        pending.extend(below);
    }
    owned
}
