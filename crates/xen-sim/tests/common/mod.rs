//! What the tests share: a host with one process, and a small PVH builder over the bare operations.

#![allow(dead_code)]

pub mod backend;
pub mod pvh;

use xen_abi::hypercall::domctl::createdomain::{CDF_HAP, CDF_HVM, CreateDomain, CreateFlags, X86_EMU_LAPIC};
pub use xen_abi::hypercall::domctl::max_mem::MaxMem;
use xen_abi::hypercall::memory::reservation::{MemFlags, PopulatePhysmap};
use xen_abi::{DomId, Errno, Gfn, Operation, Release};
use xen_hv::{Hypercalls, SeamError};
use xen_sim::{Handle, Machine, MachineConfig};

/// The releases that the issue names, for tables.
pub const RELEASES: [Release; 4] = [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22];

pub struct Host {
    pub release: Release,
    pub machine: Machine,
    pub control: Handle,
}

impl Host {
    pub fn new(release: Release) -> Host {
        Host::with(release, MachineConfig::default())
    }

    pub fn with(release: Release, config: MachineConfig) -> Host {
        let machine = Machine::new(release, config);
        let control = machine.process(DomId::DOM0, "control").unwrap();
        Host { release, machine, control }
    }

    /// Issues an operation as dom0.
    pub fn run<O: Operation>(&self, operation: O) -> Result<O::Reply, Errno> {
        run_as(&self.control, &self.release, operation)
    }

    /// An empty domain with a limit on its memory.
    pub fn domain(&self, memory_kib: u64) -> DomId {
        let domid = self.run(pvh_domain(1)).unwrap();
        self.run(MaxMem { domid, max_kib: memory_kib }).unwrap();
        domid
    }

    /// Populates single extents one after the other; how many.
    pub fn populate(&self, domid: DomId, order: u32, frames: &[u64]) -> usize {
        let frames = frames.iter().copied().map(Gfn).collect();
        self.run(PopulatePhysmap { domid, order, flags: MemFlags(0), frames }).unwrap_or(0)
    }
}

pub fn run_as<O: Operation>(handle: &Handle, release: &Release, operation: O) -> Result<O::Reply, Errno> {
    let mut call = operation.encode(release).unwrap_or_else(|error| panic!("{error}"));
    match handle.issue(&mut call) {
        Ok(value) => Ok(operation.decode(release, value, &call).unwrap_or_else(|error| panic!("{}: {error}", call.name))),
        Err(SeamError::Refused { errno, .. }) => Err(errno),
        Err(other) => panic!("{other}"),
    }
}

/// A PVH domain as our builder asks for it.
pub fn pvh_domain(max_vcpus: u32) -> CreateDomain {
    CreateDomain {
        domid: DomId::ANY,
        handle: [7; 16],
        ssidref: 0,
        flags: CreateFlags(CDF_HVM | CDF_HAP),
        max_vcpus,
        max_evtchn_port: 1023,
        max_grant_frames: None,
        max_maptrack_frames: None,
        max_grant_version: 1,
        cpupool: 0,
        emulation_flags: X86_EMU_LAPIC,
        relaxed_msr: false,
    }
}
