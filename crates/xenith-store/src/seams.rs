//! What the store needs of the host.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use xen_abi::DomId;
use xen_hv::{EventChannels, ForeignMemory, GrantMaps, SharedPages, Xen};
use xen_store::server::DomainState;

/// The one question that the store asks about domains.
pub trait DomainStates: Send {
    /// What the hypervisor says of a domain; an error leaves everything as it is until the next time.
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error>;

    /// The file that stands for a domain's ring where there is no Xen.
    fn ring(&mut self, _domid: DomId) -> Option<OwnedFd> {
        None
    }
}

/// Asks the hypervisor by getdomaininfo, which every release has.
impl DomainStates for Xen {
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error> {
        Ok(match self.domain_info(domid)? {
            None => DomainState::Gone,
            Some(info) if info.dying => DomainState::Gone,
            Some(info) if info.shutdown.is_some() => DomainState::Shutdown,
            Some(_) => DomainState::Alive,
        })
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
