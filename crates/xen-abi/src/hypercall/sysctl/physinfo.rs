//! `XEN_SYSCTL_physinfo`: the host's CPUs, memory and what it can do.

use super::{PHYSINFO, Request, body};
use crate::call::{Call, Operation, OperationError};
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The body. 4.17 put `arch_capabilities` in the middle.
    RECORD = "struct xen_sysctl_physinfo", size [V4_14: 104, V4_17: 112] {
        /// Threads per core.
        THREADS_PER_CORE: u32 = "threads_per_core" @ 0;
        /// Cores per socket.
        CORES_PER_SOCKET: u32 = "cores_per_socket" @ 4;
        /// CPUs online.
        NR_CPUS: u32 = "nr_cpus" @ 8;
        /// The highest possible CPU number.
        MAX_CPU_ID: u32 = "max_cpu_id" @ 12;
        /// NUMA nodes online.
        NR_NODES: u32 = "nr_nodes" @ 16;
        /// The highest possible node number.
        MAX_NODE_ID: u32 = "max_node_id" @ 20;
        /// The clock in kHz.
        CPU_KHZ: u32 = "cpu_khz" @ 24;
        /// What the host can do.
        CAPABILITIES: u32 = "capabilities" @ 28;
        /// All memory, in pages.
        TOTAL_PAGES: u64 = "total_pages" @ [V4_14: 32, V4_17: 40];
        /// Free memory, in pages.
        FREE_PAGES: u64 = "free_pages" @ [V4_14: 40, V4_17: 48];
        /// Memory still to be scrubbed, in pages.
        SCRUB_PAGES: u64 = "scrub_pages" @ [V4_14: 48, V4_17: 56];
        /// Memory claimed and not yet allocated, in pages.
        OUTSTANDING_PAGES: u64 = "outstanding_pages" @ [V4_14: 56, V4_17: 64];
        /// The highest machine frame.
        MAX_MFN: u64 = "max_mfn" @ [V4_14: 64, V4_17: 72];
        /// CPUID words of the boot CPU.
        HW_CAP: [32] = "hw_cap" @ [V4_14: 72, V4_17: 80];
    }
}

constants! {
    /// Bits of [`CAPABILITIES`].
    CAPABILITY_BITS: u32 {
        /// HVM containers.
        CAP_HVM = XEN_SYSCTL_PHYSCAP_hvm, 1;
        /// PV domains.
        CAP_PV = XEN_SYSCTL_PHYSCAP_pv, 2;
        /// An IOMMU for passthrough.
        CAP_DIRECTIO = XEN_SYSCTL_PHYSCAP_directio, 4;
        /// Hardware-assisted paging.
        CAP_HAP = XEN_SYSCTL_PHYSCAP_hap, 8;
        /// Shadow paging.
        CAP_SHADOW = XEN_SYSCTL_PHYSCAP_shadow, 0x10;
        /// IOMMU and guest share page tables.
        CAP_IOMMU_HAP_PT_SHARE = XEN_SYSCTL_PHYSCAP_iommu_hap_pt_share, 0x20;
        /// Traces of vcpus.
        CAP_VMTRACE = XEN_SYSCTL_PHYSCAP_vmtrace, 0x40 since V4_15;
        /// Virtual performance counters.
        CAP_VPMU = XEN_SYSCTL_PHYSCAP_vpmu, 0x80 since V4_16;
        /// Grant tables of version 1.
        CAP_GNTTAB_V1 = XEN_SYSCTL_PHYSCAP_gnttab_v1, 0x100 since V4_16;
        /// Grant tables of version 2.
        CAP_GNTTAB_V2 = XEN_SYSCTL_PHYSCAP_gnttab_v2, 0x200 since V4_16;
    }
}

/// What the host can do, as `XEN_SYSCTL_PHYSCAP_*` bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// HVM and PVH domains.
    #[must_use]
    pub fn hvm(self) -> bool {
        self.0 & CAP_HVM != 0
    }
    /// PV domains.
    #[must_use]
    pub fn pv(self) -> bool {
        self.0 & CAP_PV != 0
    }
    /// Passthrough of devices.
    #[must_use]
    pub fn directio(self) -> bool {
        self.0 & CAP_DIRECTIO != 0
    }
    /// Hardware-assisted paging.
    #[must_use]
    pub fn hap(self) -> bool {
        self.0 & CAP_HAP != 0
    }
    /// Shadow paging.
    #[must_use]
    pub fn shadow(self) -> bool {
        self.0 & CAP_SHADOW != 0
    }
}

/// The host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PhysInfo {
    /// Threads per core.
    pub threads_per_core: u32,
    /// Cores per socket.
    pub cores_per_socket: u32,
    /// CPUs online.
    pub nr_cpus: u32,
    /// The highest possible CPU number.
    pub max_cpu_id: u32,
    /// NUMA nodes online.
    pub nr_nodes: u32,
    /// The highest possible node number.
    pub max_node_id: u32,
    /// The clock in kHz.
    pub cpu_khz: u32,
    /// What the host can do.
    pub capabilities: Capabilities,
    /// All memory, in pages.
    pub total_pages: u64,
    /// Free memory, in pages. Memory to be scrubbed and memory claimed by others are part of it.
    pub free_pages: u64,
    /// Memory still to be scrubbed, in pages.
    pub scrub_pages: u64,
    /// Memory claimed and not yet allocated, in pages.
    pub outstanding_pages: u64,
    /// The highest machine frame.
    pub max_mfn: u64,
    /// CPUID words of the boot CPU.
    pub hw_cap: [u32; 8],
}

impl PhysInfo {
    /// The highest grant table version to ask for in createdomain. The capability bits came with 4.16, where the word is first needed; before,
    /// version 2 was always there.
    #[must_use]
    pub fn max_grant_version(&self, release: &Release) -> u8 {
        let tells = CAPABILITY_BITS.iter().any(|bit| bit.value == u64::from(CAP_GNTTAB_V2) && bit.since <= *release);
        if !tells || self.capabilities.0 & CAP_GNTTAB_V2 != 0 { 2 } else { 1 }
    }
}

/// Asks for the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetPhysInfo;

impl Operation for GetPhysInfo {
    type Reply = PhysInfo;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        Ok(Request::new(release, PHYSINFO)?.call())
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<PhysInfo, OperationError> {
        let body = body(call)?;
        let word = |member: &crate::record::Member| member.get_u32(release, body);
        let wide = |member: &crate::record::Member| member.get(release, body);
        Ok(PhysInfo {
            threads_per_core: word(&THREADS_PER_CORE)?,
            cores_per_socket: word(&CORES_PER_SOCKET)?,
            nr_cpus: word(&NR_CPUS)?,
            max_cpu_id: word(&MAX_CPU_ID)?,
            nr_nodes: word(&NR_NODES)?,
            max_node_id: word(&MAX_NODE_ID)?,
            cpu_khz: word(&CPU_KHZ)?,
            capabilities: Capabilities(word(&CAPABILITIES)?),
            total_pages: wide(&TOTAL_PAGES)?,
            free_pages: wide(&FREE_PAGES)?,
            scrub_pages: wide(&SCRUB_PAGES)?,
            outstanding_pages: wide(&OUTSTANDING_PAGES)?,
            max_mfn: wide(&MAX_MFN)?,
            hw_cap: words(HW_CAP.get_bytes(release, body)?),
        })
    }
}

fn words(bytes: [u8; 32]) -> [u32; 8] {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    words
}
