//! One domain, as Xen knows it.
//!
//! ```text
//!   createdomain        unpause (count 0)      shutdown          destroydomain             last mapping gone
//!   ------------> paused ---------> running ---------> shut down -------------> dying, dead --------------> gone
//!                    \____________________________________________________________^
//! ```

use std::collections::BTreeMap;

use xen_abi::DomId;

use crate::evtchn::Ports;
use crate::grant_table::GrantTable;
use crate::p2m::P2m;

/// Numbers of `HVM_PARAM_*` (public/hvm/params.h, `HVM_NR_PARAMS`, 4.14 to 4.22).
pub(crate) const HVM_PARAMS: usize = 39;

/// `XEN_DOMCTL_CDF_hvm` (public/domctl.h).
pub(crate) const CDF_HVM: u32 = 1;
/// `XEN_DOMCTL_CDF_hap` (public/domctl.h).
pub(crate) const CDF_HAP: u32 = 2;
/// `XEN_DOMCTL_CDF_xs_domain` (public/domctl.h).
pub(crate) const CDF_XS_DOMAIN: u32 = 16;

/// What `createdomain` was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Birth {
    pub(crate) ssidref: u32,
    pub(crate) handle: [u8; 16],
    pub(crate) flags: u32,
    pub(crate) max_vcpus: u32,
    pub(crate) max_evtchn_port: u32,
    pub(crate) max_grant_frames: u32,
    pub(crate) cpupool: u32,
    pub(crate) emulation_flags: u32,
}

/// A virtual processor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vcpu {
    /// `VPF_down`: not started, or taken down.
    pub(crate) down: bool,
    /// Waiting for an event.
    pub(crate) blocked: bool,
    /// How long it ran.
    pub(crate) cpu_time_ns: u64,
}

impl Vcpu {
    /// A vcpu that has not run.
    pub(crate) fn fresh(down: bool) -> Vcpu {
        Vcpu { down, blocked: true, cpu_time_ns: 0 }
    }
}

/// Pages set aside for the tables of one domain's p2m.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PagingPool {
    /// All pages of the pool, those in use included.
    pub(crate) pages: u64,
}

/// How far its death has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Not destroyed.
    Alive,
    /// Destroyed; something still holds its pages (`DOMDYING_dead`).
    Dead,
}

/// A serialised CPUID leaf: leaf, subleaf, a, b, c, d.
pub(crate) type CpuidLeaf = [u32; 6];

/// The domain.
#[derive(Debug)]
pub(crate) struct Domain {
    pub(crate) id: DomId,
    /// Never used again, unlike the domid.
    pub(crate) unique_id: u64,
    pub(crate) birth: Birth,
    pub(crate) handle: [u8; 16],
    pub(crate) vcpus: Vec<Vcpu>,
    pub(crate) max_pages: u64,
    pub(crate) tot_pages: u64,
    /// Its claim, in pages.
    pub(crate) claim: u64,
    /// 1 GiB and 2 MiB extents that it holds.
    pub(crate) extents: (u64, u64),
    /// What Xen's own structures for it cost, in pages.
    pub(crate) structure_pages: u64,
    pub(crate) p2m: P2m,
    /// Pages that it holds for gfns that are populated on demand, part of `tot_pages`.
    pub(crate) pod_cache: u64,
    pub(crate) pool: PagingPool,
    pub(crate) ports: Ports,
    pub(crate) grants: GrantTable,
    pub(crate) params: [u64; HVM_PARAMS],
    /// Records of the HVM save stream by type and instance.
    pub(crate) records: BTreeMap<(u16, u16), Vec<u8>>,
    pub(crate) cpuid: Vec<CpuidLeaf>,
    /// Entries of `XENMEM_set_memory_map`, 20 bytes each.
    pub(crate) memory_map: Vec<u8>,
    pub(crate) pause_count: u32,
    /// Whether it was ever unpaused to zero.
    pub(crate) creation_finished: bool,
    /// The reason of its shutdown.
    pub(crate) shutdown: Option<u8>,
    /// It went on in place after a shutdown.
    pub(crate) was_reset: bool,
    pub(crate) life: Life,
    pub(crate) tsc_mode: u32,
}

impl Domain {
    /// A domain fresh from `createdomain`: paused once, no memory, no vcpus.
    pub(crate) fn new(id: DomId, unique_id: u64, birth: Birth) -> Domain {
        Domain {
            id,
            unique_id,
            handle: birth.handle,
            vcpus: Vec::new(),
            max_pages: 0,
            tot_pages: 0,
            claim: 0,
            extents: (0, 0),
            structure_pages: 0,
            p2m: P2m::default(),
            pod_cache: 0,
            pool: PagingPool::default(),
            ports: Ports::new(birth.max_evtchn_port),
            grants: GrantTable::new(birth.max_grant_frames),
            params: [0; HVM_PARAMS],
            records: BTreeMap::new(),
            cpuid: Vec::new(),
            memory_map: Vec::new(),
            pause_count: 1,
            creation_finished: false,
            shutdown: None,
            was_reset: false,
            life: Life::Alive,
            tsc_mode: 0,
            birth,
        }
    }

    pub(crate) fn is_hvm(&self) -> bool {
        self.birth.flags & CDF_HVM != 0
    }

    /// Whether its vcpus may run.
    pub(crate) fn is_runnable(&self) -> bool {
        self.pause_count == 0 && self.shutdown.is_none() && self.life == Life::Alive
    }

    pub(crate) fn cpu_time_ns(&self) -> u64 {
        self.vcpus.iter().map(|vcpu| vcpu.cpu_time_ns).sum()
    }

    pub(crate) fn vcpus_online(&self) -> u32 {
        self.vcpus.iter().filter(|vcpu| !vcpu.down).count() as u32
    }
}
