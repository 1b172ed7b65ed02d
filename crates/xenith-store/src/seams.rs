//! What the store needs of the host.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use xen_abi::DomId;
use xen_hv::{EventChannels, ForeignMemory, GrantMaps, SharedPages, Xen};
use xen_store::server::DomainState;

/// The one question that the store asks about domains, of one domain or of all.
pub trait DomainStates: Send {
    /// What the hypervisor says of a domain; an error leaves everything as it is until the next time.
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error>;

    /// What may have changed since this was last asked. An answer is told once, so whoever loses one must ask for every domain.
    fn changed(&mut self) -> Result<Changed, xen_hv::Error> {
        Ok(Changed::Unknown)
    }

    /// The file that stands for a domain's ring where there is no Xen.
    fn ring(&mut self, _domid: DomId) -> Option<OwnedFd> {
        None
    }
}

/// What may have changed about domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// These and no others.
    These(Vec<(DomId, DomainState)>),
    /// All that there are: any other is gone.
    All(Vec<(DomId, DomainState)>),
    /// Nobody knows: every domain must be asked for.
    Unknown,
}

/// Asks the hypervisor by getdomaininfo, which every release has, and for changes by get_domain_state from 4.21, by getdomaininfolist before.
impl DomainStates for Xen {
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error> {
        Ok(self.domain_info(domid)?.map_or(DomainState::Gone, |info| state(info.dying, info.shutdown.is_some())))
    }

    fn changed(&mut self) -> Result<Changed, xen_hv::Error> {
        if !self.release().has_domain_state() {
            let all = self.domain_list()?.into_iter().map(|info| (info.domid, state(info.dying, info.shutdown.is_some())));
            return Ok(Changed::All(all.collect()));
        }
        let mut these = Vec::new();
        while let Some(now) = self.next_changed_domain()? {
            these.push((now.domid, state(!now.exists || now.dying || now.dead, now.shutdown)));
        }
        Ok(Changed::These(these))
    }
}

fn state(ends: bool, shutdown: bool) -> DomainState {
    match (ends, shutdown) {
        (true, _) => DomainState::Gone,
        (_, true) => DomainState::Shutdown,
        _ => DomainState::Alive,
    }
}

impl<F> DomainStates for F
where
    F: FnMut(DomId) -> Result<DomainState, xen_hv::Error> + Send,
{
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error> {
        self(domid)
    }
}

/// The ways to the host that the store uses.
pub struct Seams {
    /// Event channels of the domain that the store runs in.
    pub events: Arc<dyn EventChannels>,
    /// Maps rings by grant 1.
    pub grants: Arc<dyn GrantMaps>,
    /// Maps rings by gfn, for domains whose builder seeded no grant; `None` where the store shall have no such right.
    pub foreign: Option<Arc<dyn ForeignMemory>>,
    /// The ring of dom0's kernel, until it is taken; `None` where there is none to serve.
    pub dom0: Option<Box<dyn SharedPages>>,
    /// Which domains are gone.
    pub domains: Box<dyn DomainStates>,
}
