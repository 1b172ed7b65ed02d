//! A domain as a whole.

use xen_abi::hypercall::domctl::createdomain::CreateDomain;
use xen_abi::hypercall::domctl::get_domain_state::{DomainState, GetDomainState, NextChangedDomain};
use xen_abi::hypercall::domctl::getdomaininfo::{DomainInfo, GetDomainInfo};
use xen_abi::hypercall::domctl::lifecycle::{DestroyDomain, PauseDomain, SoftReset, UnpauseDomain};
use xen_abi::hypercall::domctl::max_vcpus::MaxVcpus;
use xen_abi::hypercall::domctl::set_handle::SetDomainHandle;
use xen_abi::hypercall::sched::{RemoteShutdown, ShutdownReason};
use xen_abi::{DomId, Errno};

use super::Xen;
use crate::error::Error;

impl Xen {
    /// Creates an empty, paused domain and gives its number. Everything else of the build follows; a failure on the way must end in
    /// [`Xen::destroy_domain`].
    pub fn create_domain(&self, request: &CreateDomain) -> Result<DomId, Error> {
        self.call(None, request)
    }

    /// Destroys a domain. It stays listed as dying while somebody else still maps its memory. ESRCH where there is none.
    pub fn destroy_domain(&self, domid: DomId) -> Result<(), Error> {
        self.on(domid, &DestroyDomain { domid })
    }

    /// Pauses a domain: one more reason not to run.
    pub fn pause(&self, domid: DomId) -> Result<(), Error> {
        self.on(domid, &PauseDomain { domid })
    }

    /// Takes one reason not to run away.
    pub fn unpause(&self, domid: DomId) -> Result<(), Error> {
        self.on(domid, &UnpauseDomain { domid })
    }

    /// Allocates a domain's vcpus: the number given at creation.
    pub fn set_max_vcpus(&self, domid: DomId, vcpus: u32) -> Result<(), Error> {
        self.on(domid, &MaxVcpus { domid, max: vcpus })
    }

    /// Gives a domain another uuid.
    pub fn set_domain_handle(&self, domid: DomId, handle: [u8; 16]) -> Result<(), Error> {
        self.on(domid, &SetDomainHandle { domid, handle })
    }

    /// Lets a domain that shut down run on as if its machine had just started: without ports, with a fresh shared info page.
    pub fn soft_reset(&self, domid: DomId) -> Result<(), Error> {
        self.on(domid, &SoftReset { domid })
    }

    /// Shuts a domain down without asking it; it keeps its memory until it is destroyed.
    pub fn remote_shutdown(&self, domid: DomId, reason: ShutdownReason) -> Result<(), Error> {
        self.on(domid, &RemoteShutdown { domid, reason })
    }

    /// What Xen knows of a domain, or none where there is no such domain, on every release.
    pub fn domain_info(&self, domid: DomId) -> Result<Option<DomainInfo>, Error> {
        match self.on(domid, &GetDomainInfo { domid }) {
            Err(error) if error.is_no_such_domain() => Ok(None),
            answer => answer,
        }
    }

    /// A domain's state by the stable operation of 4.21, or none where there is no such domain. Unsupported before.
    pub fn domain_state(&self, domid: DomId) -> Result<Option<DomainState>, Error> {
        match self.on(domid, &GetDomainState { domid }) {
            Err(error) if error.is_no_such_domain() => Ok(None),
            answer => answer.map(Some),
        }
    }

    /// The next domain whose state changed, or none when all are told. From 4.21, and only for the one process of the host that bound
    /// VIRQ_DOM_EXC: the store.
    pub fn next_changed_domain(&self) -> Result<Option<DomainState>, Error> {
        match self.call(None, &NextChangedDomain) {
            Err(error) if error.errno() == Some(Errno::ENOENT) => Ok(None),
            answer => answer.map(Some),
        }
    }
}
