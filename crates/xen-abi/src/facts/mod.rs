//! Everything that this crate claims about Xen's headers, in one list: what `cargo xtask abi` measures and what the tests compare.

mod boot;

use crate::hypercall::domctl::{
    self, createdomain, get_domain_state, getdomaininfo, hvmcontext, max_mem, max_vcpus, paging_pool, policy, set_handle, tsc_info,
    vcpucontext,
};
use crate::hypercall::memory::{physmap, pod_target, reservation, set_memory_map};
use crate::hypercall::sysctl::{self, cpupool, getdomaininfolist, physinfo, readconsole, sched_id};
use crate::hypercall::{self, cpu_policy, evtchn, hvm, memory, multicall, sched, version};
use crate::record::{Constant, Record};
use crate::{errno, io, names};

/// The headers that state it all, under xen/include/public of Xen's tree.
pub const HEADERS: &[&str] = &[
    "xen.h",
    "errno.h",
    "arch-x86/cpuid.h",
    "domctl.h",
    "sysctl.h",
    "memory.h",
    "event_channel.h",
    "hvm/hvm_op.h",
    "hvm/params.h",
    "sched.h",
    "version.h",
    "io/xs_wire.h",
    "io/console.h",
    "io/xenbus.h",
    "hvm/save.h",
    "arch-x86/hvm/start_info.h",
    "elfnote.h",
    "features.h",
    "grant_table.h",
];

/// Every structure.
pub const RECORDS: &[Record] = &[
    domctl::DOMCTL_RECORD,
    createdomain::RECORD,
    get_domain_state::RECORD,
    getdomaininfo::RECORD,
    hvmcontext::RECORD,
    hvmcontext::PARTIAL_RECORD,
    max_mem::RECORD,
    max_vcpus::RECORD,
    paging_pool::SHADOW_RECORD,
    paging_pool::MEMPOOL_RECORD,
    policy::RECORD,
    set_handle::RECORD,
    tsc_info::RECORD,
    vcpucontext::RECORD,
    vcpucontext::CONTEXT_RECORD,
    sysctl::SYSCTL_RECORD,
    sysctl::cpu_policy::RECORD,
    cpupool::RECORD,
    getdomaininfolist::RECORD,
    physinfo::RECORD,
    readconsole::RECORD,
    sched_id::RECORD,
    cpu_policy::LEAF_RECORD,
    cpu_policy::MSR_RECORD,
    reservation::RECORD,
    physmap::ADD_RECORD,
    physmap::REMOVE_RECORD,
    pod_target::RECORD,
    set_memory_map::RECORD,
    evtchn::ALLOC_RECORD,
    evtchn::CLOSE_RECORD,
    evtchn::STATUS_RECORD,
    hvm::RECORD,
    sched::RECORD,
    version::text::VARBUF_RECORD,
    multicall::RECORD,
    io::xenstore::RECORD,
    io::console::RECORD,
    boot::CPU,
    boot::MTRR,
    boot::HEADER,
    boot::DESCRIPTOR,
    boot::START_INFO,
    boot::MODULE,
    boot::MEMMAP,
    boot::GRANT_ENTRY,
];

/// Every number, in lists.
pub const CONSTANTS: &[&[Constant]] = &[
    hypercall::NUMBERS,
    domctl::OPERATIONS,
    createdomain::FLAG_BITS,
    get_domain_state::STATE_BITS,
    getdomaininfo::FLAG_BITS,
    paging_pool::SHADOW_OPS,
    tsc_info::MODES,
    sysctl::OPERATIONS,
    sysctl::cpu_policy::POLICIES,
    cpupool::OPS,
    physinfo::CAPABILITY_BITS,
    sched_id::SCHEDULERS,
    cpu_policy::VALUES,
    memory::OPERATIONS,
    reservation::FLAG_BITS,
    physmap::SPACES,
    evtchn::OPERATIONS,
    hvm::OPERATIONS,
    hvm::PARAMS,
    sched::OPERATIONS,
    version::OPERATIONS,
    io::xenstore::VALUES,
    io::console::VALUES,
    io::xenbus::STATES,
    io::VIRQS,
    names::DOMIDS,
    errno::NUMBERS,
    boot::NUMBERS,
];

/// The interface numbers of the release table, by name: they differ in every release.
pub const DOMCTL_VERSION: &str = "XEN_DOMCTL_INTERFACE_VERSION";
/// The interface numbers of the release table, by name: they differ in every release.
pub const SYSCTL_VERSION: &str = "XEN_SYSCTL_INTERFACE_VERSION";
