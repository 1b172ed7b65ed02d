//! What calls are named in traces, errors and reports, from their bytes: the simulator and the recorder see nothing else of a multicall's entries.

use super::{DOMCTL, EVENT_CHANNEL_OP, HVM_OP, MEMORY_OP, MULTICALL, SCHED_OP, SYSCTL, XEN_VERSION};
use super::{domctl, evtchn, hvm, memory, sched, sysctl, version};
use crate::call::{Arg, Call};
use crate::layout::Field;

const UNKNOWN: &str = "unknown hypercall";

/// The name of an operation of a hypercall.
#[must_use]
pub fn of(number: u32, command: u32) -> &'static str {
    match number {
        DOMCTL => of_domctl(command),
        SYSCTL => of_sysctl(command),
        MEMORY_OP => of_memory(command),
        EVENT_CHANNEL_OP => of_evtchn(command),
        HVM_OP if command == hvm::SET_PARAM => "hvm_op set_param",
        HVM_OP if command == hvm::GET_PARAM => "hvm_op get_param",
        SCHED_OP if command == sched::REMOTE_SHUTDOWN => "sched_op remote_shutdown",
        XEN_VERSION => of_version(command),
        MULTICALL => "multicall",
        _ => UNKNOWN,
    }
}

fn of_domctl(command: u32) -> &'static str {
    match command {
        domctl::CREATEDOMAIN => "domctl createdomain",
        domctl::DESTROYDOMAIN => "domctl destroydomain",
        domctl::PAUSEDOMAIN => "domctl pausedomain",
        domctl::UNPAUSEDOMAIN => "domctl unpausedomain",
        domctl::GETDOMAININFO => "domctl getdomaininfo",
        domctl::SHADOW_OP => "domctl shadow_op",
        domctl::MAX_MEM => "domctl max_mem",
        domctl::MAX_VCPUS => "domctl max_vcpus",
        domctl::GETVCPUCONTEXT => "domctl getvcpucontext",
        domctl::SETDOMAINHANDLE => "domctl setdomainhandle",
        domctl::GETHVMCONTEXT => "domctl gethvmcontext",
        domctl::SETHVMCONTEXT => "domctl sethvmcontext",
        domctl::GETHVMCONTEXT_PARTIAL => "domctl gethvmcontext_partial",
        domctl::SETTSCINFO => "domctl settscinfo",
        domctl::SOFT_RESET => "domctl soft_reset",
        domctl::GET_CPU_POLICY => "domctl get_cpu_policy",
        domctl::SET_CPU_POLICY => "domctl set_cpu_policy",
        domctl::GET_PAGING_MEMPOOL_SIZE => "domctl get_paging_mempool_size",
        domctl::SET_PAGING_MEMPOOL_SIZE => "domctl set_paging_mempool_size",
        domctl::GET_DOMAIN_STATE => "domctl get_domain_state",
        _ => UNKNOWN,
    }
}

fn of_sysctl(command: u32) -> &'static str {
    match command {
        sysctl::READCONSOLE => "sysctl readconsole",
        sysctl::PHYSINFO => "sysctl physinfo",
        sysctl::SCHED_ID => "sysctl sched_id",
        sysctl::GETDOMAININFOLIST => "sysctl getdomaininfolist",
        sysctl::CPUPOOL_OP => "sysctl cpupool_op",
        sysctl::GET_CPU_POLICY => "sysctl get_cpu_policy",
        _ => UNKNOWN,
    }
}

fn of_memory(command: u32) -> &'static str {
    match command {
        memory::DECREASE_RESERVATION => "memory_op decrease_reservation",
        memory::POPULATE_PHYSMAP => "memory_op populate_physmap",
        memory::ADD_TO_PHYSMAP => "memory_op add_to_physmap",
        memory::SET_MEMORY_MAP => "memory_op set_memory_map",
        memory::MAXIMUM_GPFN => "memory_op maximum_gpfn",
        memory::REMOVE_FROM_PHYSMAP => "memory_op remove_from_physmap",
        memory::SET_POD_TARGET => "memory_op set_pod_target",
        memory::GET_POD_TARGET => "memory_op get_pod_target",
        memory::CLAIM_PAGES => "memory_op claim_pages",
        _ => UNKNOWN,
    }
}

fn of_evtchn(command: u32) -> &'static str {
    match command {
        evtchn::CLOSE => "event_channel_op close",
        evtchn::STATUS => "event_channel_op status",
        evtchn::ALLOC_UNBOUND => "event_channel_op alloc_unbound",
        _ => UNKNOWN,
    }
}

fn of_version(command: u32) -> &'static str {
    match command {
        version::VERSION => "xen_version version",
        version::EXTRAVERSION => "xen_version extraversion",
        version::COMPILE_INFO => "xen_version compile_info",
        version::PLATFORM_PARAMETERS => "xen_version platform_parameters",
        version::CAPABILITIES => "xen_version capabilities",
        version::CHANGESET => "xen_version changeset",
        version::COMMANDLINE => "xen_version commandline",
        version::EXTRAVERSION2 => "xen_version extraversion2",
        version::CAPABILITIES2 => "xen_version capabilities2",
        version::CHANGESET2 => "xen_version changeset2",
        version::COMMANDLINE2 => "xen_version commandline2",
        _ => UNKNOWN,
    }
}

/// The operation that a call asks for: the first word, or for domctl and sysctl the first four bytes of their structure.
#[must_use]
pub fn command(call: &Call) -> Option<u32> {
    match (call.number, call.args.first()) {
        (DOMCTL | SYSCTL, Some(Arg::Address(buffer))) => Field::u32(0).get(call.bytes(*buffer)).ok().map(|command| command as u32),
        (_, Some(Arg::Word(command))) => u32::try_from(*command).ok(),
        _ => None,
    }
}

/// The name of a call, from its bytes.
#[must_use]
pub fn of_call(call: &Call) -> &'static str {
    match call.number {
        MULTICALL => "multicall",
        number => command(call).map_or(UNKNOWN, |command| of(number, command)),
    }
}
