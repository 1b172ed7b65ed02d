//! The steps that are a hypercall or two: CPU policy, memory map, parameters, vcpu context.

use xen_abi::hypercall::cpu_policy::CpuPolicy;
use xen_abi::hypercall::domctl::hvmcontext::GetHvmContext;
use xen_abi::hypercall::hvm::HvmParam;
use xen_abi::names::PAGE_SHIFT;
use xen_abi::{DomId, Errno, Port};
use xen_hv::Xen;

use super::BuildError;
use crate::pvh::layout::{CONSOLE_GFN, IDENTITY_TABLE_GFN, Layout, STORE_GFN};
use crate::pvh::{topology, vcpu};

/// Room for the context of a domain, and for each vcpu of it; the widest vector registers so far take 3 KiB.
const CONTEXT_BYTES: usize = 8 << 10;
const CONTEXT_BYTES_PER_VCPU: usize = 8 << 10;
/// `HVMPTM_no_delay_for_missed_ticks` (public/hvm/params.h): the guest's clock keeps up with the host's, libxl's default.
const TIMER_MODE: u64 = 1;

/// Tells the vcpus what they are, from the host's `hvm_default` policy (`sysctl get_cpu_policy`, read once per host).
pub fn cpu_policy(xen: &Xen, domid: DomId, host_default: &CpuPolicy) -> Result<(), BuildError> {
    Ok(xen.set_cpu_policy(domid, &topology::edits(host_default))?)
}

/// Sets the map that the domain hears when it asks Xen; its start record has the same.
pub fn memory_map(xen: &Xen, domid: DomId, layout: &Layout) -> Result<(), BuildError> {
    Ok(xen.set_memory_map(domid, &layout.map)?)
}

/// The domain's ends of its two event channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// To the store.
    pub store: Port,
    /// To the console.
    pub console: Port,
}

/// Tells the domain where its rings are and which ports go with them.
pub fn hvm_params(xen: &Xen, domid: DomId, ports: Ports) -> Result<(), BuildError> {
    let params = [
        (HvmParam::TIMER_MODE, TIMER_MODE),
        (HvmParam::STORE_PFN, STORE_GFN),
        (HvmParam::STORE_EVTCHN, ports.store.0.into()),
        (HvmParam::CONSOLE_PFN, CONSOLE_GFN),
        (HvmParam::CONSOLE_EVTCHN, ports.console.0.into()),
        (HvmParam::IDENT_PT, IDENTITY_TABLE_GFN << PAGE_SHIFT),
    ];
    Ok(xen.set_hvm_params(domid, &params)?)
}

/// Sets the registers of vcpu 0 and the memory types of all: the last step before the domain may run.
pub fn vcpu_context(xen: &Xen, domid: DomId, layout: &Layout) -> Result<(), BuildError> {
    let capacity = CONTEXT_BYTES + layout.vcpus as usize * CONTEXT_BYTES_PER_VCPU;
    let xens = match xen.call(Some(domid), &GetHvmContext { domid, capacity }) {
        // A CPU with wider registers than any so far: ask for the size first.
        Err(error) if error.errno() == Some(Errno::ENOSPC) => xen.hvm_context(domid)?,
        answer => answer?,
    };
    let context = vcpu::context(&xens, layout.vcpus, layout.entry, layout.start_info.start)
        .map_err(|source| BuildError::Context { domid, source })?;
    Ok(xen.set_hvm_context(domid, &context)?)
}
