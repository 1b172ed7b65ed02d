//! The domains that the store knows, and what becomes of them.
//!
//! ```text
//!              SET_PERMS names it            INTRODUCE                 shut down            gone, dying, RELEASE
//!   unknown -----------------------> known ------------> introduced ------------> shutdown -----------------------> unknown
//!                                      |  @introduceDomain             @releaseDomain          nodes it owned are removed,
//!                                      \------------- gone ---------------------------------->  then @releaseDomain
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xen_abi::DomId;

use super::{ConnId, ConnKind, Server, features};
use crate::path::{RELEASE_DOMAIN, StorePath};
use crate::perms::{Identity, KnownSince, Perms};
use crate::quota::{Limit, OwnQuota, Peaks, Quota};
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
    /// The store's generation when it became known.
    pub since: u64,
    /// Its ring, once introduced.
    pub ring: Option<ConnId>,
    /// Its shutdown has been reported.
    pub shutdown: bool,
    /// The domain it acts for.
    pub target: Option<DomId>,
    /// Features that it is offered.
    pub features: u32,
    /// Limits of its own.
    pub own_quota: Option<Box<OwnQuota>>,
    /// The most it ever held.
    pub peaks: Peaks,
}

#[derive(Debug)]
pub(super) struct Domains {
    known: BTreeMap<DomId, Domain>,
    /// How many have gone: a transaction that saw another count must not be taken as it is.
    pub gone: u64,
    /// Whether any domain ever had limits of its own.
    any_own: bool,
    /// Whether any domain was ever offered less than everything.
    any_masked: bool,
    /// Domains that may have changed since somebody asked.
    touched: BTreeSet<DomId>,
}

impl Domains {
    pub fn new() -> Domains {
        let mut domains = Domains { known: BTreeMap::new(), gone: 0, any_own: false, any_masked: false, touched: BTreeSet::new() };
        domains.learn(DomId::DOM0, 0);
        domains
    }

    pub fn get(&self, domid: DomId) -> Option<&Domain> {
        self.known.get(&domid)
    }

    /// The limits that hold for a client.
    pub fn limits<'a>(&'a self, kind: ConnKind, global: &'a Quota) -> &'a Quota {
        let own = match kind {
            ConnKind::Ring(domid) if self.any_own => self.get(domid).and_then(|domain| domain.own_quota.as_ref()),
            _ => None,
        };
        own.map_or(global, |own| own.limits())
    }

    /// What a client is offered.
    pub fn features(&self, kind: ConnKind) -> u32 {
        match kind {
            ConnKind::Ring(domid) if self.any_masked => self.get(domid).map_or(features::OURS, |domain| domain.features),
            _ => features::OURS,
        }
    }

    /// Notes that an introduced domain shut down; whether that is news.
    pub fn shut_down(&mut self, domid: DomId) -> bool {
        let news = self.known.get_mut(&domid).filter(|domain| domain.ring.is_some() && !domain.shutdown);
        let Some(domain) = news else { return false };
        domain.shutdown = true;
        self.touched.insert(domid);
        true
    }

    /// Offers less than everything; `None` for a domain that is not known.
    pub fn mask_features(&mut self, domid: DomId, word: u32) -> Option<()> {
        self.get_mut(domid)?.features = word;
        self.any_masked = true;
        Some(())
    }

    /// Sets a limit for one domain alone; `None` for a domain that is not known.
    pub fn set_own_limit(&mut self, domid: DomId, limit: Limit, value: u32, global: &Quota) -> Option<()> {
        let domain = self.get_mut(domid)?;
        domain.own_quota.get_or_insert_with(|| Box::new(OwnQuota::new(global))).set(limit, value);
        self.any_own = true;
        Some(())
    }

    /// A global limit was set: domains without one of their own follow.
    pub fn follow_limit(&mut self, limit: Limit, value: u32) {
        for (domid, domain) in &mut self.known {
            if let Some(own) = domain.own_quota.as_mut() {
                own.follow(limit, value);
                self.touched.insert(*domid);
            }
        }
    }

    /// Every known domain.
    pub fn all(&self) -> impl Iterator<Item = (DomId, &Domain)> {
        self.known.iter().map(|(domid, domain)| (*domid, domain))
    }

    pub fn all_mut(&mut self) -> impl Iterator<Item = (DomId, &mut Domain)> {
        self.known.iter_mut().map(|(domid, domain)| (*domid, domain))
    }

    /// Where figures are noted: nothing that must be kept.
    pub fn peaks_mut(&mut self, domid: DomId) -> Option<&mut Peaks> {
        self.known.get_mut(&domid).map(|domain| &mut domain.peaks)
    }

    /// Domains that may have changed, came or went since the last call.
    pub fn take_touched(&mut self) -> BTreeSet<DomId> {
        std::mem::take(&mut self.touched)
    }

    /// All of them count as changed.
    pub fn touch_all(&mut self) {
        self.touched.extend(self.known.keys());
    }

    /// Takes back a domain that was kept.
    pub fn restore(&mut self, domid: DomId, domain: Domain) {
        self.any_own |= domain.own_quota.is_some();
        self.any_masked |= domain.features != features::OURS;
        self.known.insert(domid, domain);
    }

    pub fn get_mut(&mut self, domid: DomId) -> Option<&mut Domain> {
        self.touched.insert(domid);
        self.known.get_mut(&domid)
    }

    /// Notes that a domain exists; an entry that stands is left alone.
    pub fn learn(&mut self, domid: DomId, generation: u64) -> &mut Domain {
        let fresh = || Domain {
            since: generation,
            ring: None,
            shutdown: false,
            target: None,
            features: features::OURS,
            own_quota: None,
            peaks: Peaks::default(),
        };
        self.touched.insert(domid);
        self.known.entry(domid).or_insert_with(fresh)
    }

    pub fn forget(&mut self, domid: DomId) -> Option<Domain> {
        let domain = self.known.remove(&domid)?;
        self.touched.insert(domid);
        self.gone += 1;
        for (other, domain) in self.known.iter_mut().filter(|(_, other)| other.target == Some(domid)) {
            domain.target = None;
            self.touched.insert(*other);
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
            // Of nearly all domains this is no news: nothing of them is touched, which would be kept again.
            match state {
                DomainState::Alive => {}
                DomainState::Gone if self.domains.get(domid).is_some() => self.forget_domain(domid),
                DomainState::Shutdown if self.domains.shut_down(domid) => {
                    newly_shutdown = true;
                    self.announce_whom(RELEASE_DOMAIN, domid);
                }
                DomainState::Gone | DomainState::Shutdown => {}
            }
        }
        if newly_shutdown {
            self.announce(RELEASE_DOMAIN);
        }
    }

    /// Fires the watches on an `@` name that do not ask for whom.
    pub(super) fn announce(&mut self, name: &str) {
        let Ok(path) = StorePath::parse(name) else { return };
        let seen_by = self.readers_of(&path);
        self.deliver(&[Change::special(path, seen_by)]);
    }

    /// Fires the watches on an `@` name that ask for whom.
    pub(super) fn announce_whom(&mut self, name: &str, domid: DomId) {
        let Ok(path) = StorePath::parse(name) else { return };
        let seen_by = self.readers_of(&path);
        self.deliver(&[Change::special_of(path.child(domid.0), seen_by)]);
    }

    fn readers_of(&self, path: &StorePath) -> Vec<Arc<Perms>> {
        let found = self.tree.find(path);
        found.node.into_iter().chain([found.above]).map(|node| node.perms().clone()).collect()
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
