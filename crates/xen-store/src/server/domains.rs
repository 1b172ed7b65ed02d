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

use super::{ConnId, Server};
use crate::path::{RELEASE_DOMAIN, StorePath};
use crate::perms::{Identity, KnownSince};
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

    pub fn forget(&mut self, domid: DomId) -> Option<Domain> {
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

    /// Fires the watches on an `@` name.
    pub(super) fn announce(&mut self, name: &str) {
        let Ok(path) = StorePath::parse(name) else { return };
        let found = self.tree.find(&path);
        let seen_by = found.node.into_iter().chain([found.above]).map(|node| node.perms().clone()).collect();
        self.deliver(&[Change::special(path, seen_by)]);
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
