//! `physinfo`: processors, memory, and what the host can do.

use xen_abi::hypercall::sysctl::physinfo as abi;
use xen_abi::record::Member;

use super::Sysctl;
use crate::call::Answer;
use crate::xen::Xen;

/// `MAX_NUMNODES - 1` (xen/include/asm-x86/numa.h).
const MAX_NODE_ID: u64 = 63;

pub(super) fn run(xen: &Xen, mut op: Sysctl<'_>) -> Answer {
    let size = abi::RECORD.size(&xen.release).map_err(|_| xen_abi::Errno::EFAULT)?;
    op.record.put_bytes(0, &vec![0; size])?;
    let cpus = u64::from(xen.config.cpus);
    let fields: [(&Member, u64); 12] = [
        (&abi::THREADS_PER_CORE, 1),
        (&abi::CORES_PER_SOCKET, cpus),
        (&abi::NR_CPUS, cpus),
        (&abi::MAX_CPU_ID, cpus.saturating_sub(1)),
        (&abi::NR_NODES, 1),
        (&abi::MAX_NODE_ID, MAX_NODE_ID),
        (&abi::CPU_KHZ, xen.config.cpu_khz.into()),
        (&abi::CAPABILITIES, capabilities(xen)),
        (&abi::TOTAL_PAGES, xen.heap.total),
        (&abi::FREE_PAGES, xen.heap.free),
        (&abi::OUTSTANDING_PAGES, xen.heap.claimed),
        (&abi::MAX_MFN, xen.heap.total),
    ];
    for (member, value) in fields {
        op.record.put(member, value)?;
    }
    op.copy_back()
}

/// The bits that this release knows and this host has.
fn capabilities(xen: &Xen) -> u64 {
    let config = &xen.config;
    let has = |bit: u32| match bit {
        abi::CAP_HVM => config.hap || config.shadow,
        abi::CAP_PV => true,
        abi::CAP_DIRECTIO | abi::CAP_IOMMU_HAP_PT_SHARE => config.iommu,
        abi::CAP_HAP => config.hap,
        abi::CAP_SHADOW => config.shadow,
        abi::CAP_GNTTAB_V1 => config.grant_version_max >= 1,
        abi::CAP_GNTTAB_V2 => config.grant_version_max >= 2,
        _ => false,
    };
    let known = abi::CAPABILITY_BITS.iter().filter(|bit| bit.since <= xen.release);
    known.filter(|bit| has(bit.value as u32)).fold(0, |all, bit| all | bit.value)
}
