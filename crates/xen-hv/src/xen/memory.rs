//! A domain's memory.

use xen_abi::hypercall::domctl::max_mem::MaxMem;
use xen_abi::hypercall::domctl::paging_pool::{GetPagingPool, SetPagingPool};
use xen_abi::hypercall::memory::maximum_gpfn::MaximumGpfn;
use xen_abi::hypercall::memory::physmap::{AddToPhysmap, MapSpace, RemoveFromPhysmap};
use xen_abi::hypercall::memory::pod_target::{GetPodTarget, OnDemand, SetPodTarget};
use xen_abi::hypercall::memory::reservation::{ClaimPages, DecreaseReservation, MemFlags, PopulatePhysmap};
use xen_abi::hypercall::memory::set_memory_map::{MemoryMapEntry, SetMemoryMap};
use xen_abi::{DomId, Gfn};

use super::Xen;
use crate::error::Error;

impl Xen {
    /// Bounds a domain's memory, in KiB: what the guest has and its special pages.
    pub fn set_max_mem(&self, domid: DomId, max_kib: u64) -> Result<(), Error> {
        self.on(domid, &MaxMem { domid, max_kib })
    }

    /// Sizes the pool that Xen keeps a domain's page tables in, before any memory is populated. Up to 4.16 in whole MiB.
    pub fn set_paging_pool(&self, domid: DomId, bytes: u64) -> Result<(), Error> {
        self.on(domid, &SetPagingPool { domid, bytes })
    }

    /// The size of that pool in bytes.
    pub fn paging_pool(&self, domid: DomId) -> Result<u64, Error> {
        self.on(domid, &GetPagingPool { domid })
    }

    /// Sets pages of the host aside for a domain, or with zero gives the rest of a claim back. [`Xen::set_max_mem`] comes first.
    pub fn claim_pages(&self, domid: DomId, pages: u64) -> Result<(), Error> {
        self.on(domid, &ClaimPages { domid, pages })
    }

    /// Gives a domain memory at these frames, in extents of 2^`order` pages. Gives how many extents it got, from the first on: fewer than
    /// asked, even none, is no error, and the caller goes on with smaller extents.
    pub fn populate_physmap(&self, domid: DomId, order: u32, flags: MemFlags, frames: &[Gfn]) -> Result<usize, Error> {
        self.on(domid, &PopulatePhysmap { domid, order, flags, frames: frames.to_vec() })
    }

    /// Takes memory from a domain. Gives how many extents were taken, from the first on.
    pub fn decrease_reservation(&self, domid: DomId, order: u32, frames: &[Gfn]) -> Result<usize, Error> {
        self.on(domid, &DecreaseReservation { domid, order, frames: frames.to_vec() })
    }

    /// Tells Xen how many pages a domain shall have where its memory is populated on demand, after [`Xen::set_max_mem`]; changes nothing where none
    /// is. Gives where it stands then.
    pub fn set_pod_target(&self, domid: DomId, pages: u64) -> Result<OnDemand, Error> {
        self.on(domid, &SetPodTarget { domid, pages })
    }

    /// What of a domain's memory is still to be populated on demand.
    pub fn on_demand(&self, domid: DomId) -> Result<OnDemand, Error> {
        self.on(domid, &GetPodTarget { domid })
    }

    /// Sets the memory map that a domain is told when it asks Xen.
    pub fn set_memory_map(&self, domid: DomId, entries: &[MemoryMapEntry]) -> Result<(), Error> {
        self.on(domid, &SetMemoryMap { domid, entries: entries.to_vec() })
    }

    /// Puts a page that Xen has for the domain at one of its frames.
    pub fn add_to_physmap(&self, domid: DomId, space: MapSpace, index: u64, gfn: Gfn) -> Result<(), Error> {
        self.on(domid, &AddToPhysmap { domid, space, index, gfn })
    }

    /// Takes the page at a frame away.
    pub fn remove_from_physmap(&self, domid: DomId, gfn: Gfn) -> Result<(), Error> {
        self.on(domid, &RemoveFromPhysmap { domid, gfn })
    }

    /// The highest frame that a domain has.
    pub fn maximum_gpfn(&self, domid: DomId) -> Result<Gfn, Error> {
        self.on(domid, &MaximumGpfn { domid })
    }
}
