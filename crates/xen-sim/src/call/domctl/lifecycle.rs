//! Operations that say little and copy nothing back: destroy, pause, unpause, soft reset, limits, the uuid, the clock.

use xen_abi::hypercall::domctl::{self as abi, max_mem, max_vcpus, set_handle, tsc_info};
use xen_abi::{DomId, Errno};

use super::Domctl;
use crate::call::Answer;
use crate::xen::Xen;

/// The toolstack's pauses of one domain at once (xen/common/domain.c).
const PAUSES_MAX: u32 = 255;
/// The highest TSC mode (public/arch-x86/cpuid.h: default, always emulate, never emulate).
const TSC_MODE_MAX: u32 = 2;

pub(super) fn run(xen: &mut Xen, command: u32, op: &Domctl<'_>) -> Answer {
    match command {
        abi::UNPAUSEDOMAIN => unpause(xen, op.domid)?,
        // All others would have to pause the caller itself; max_mem and the uuid do not mind.
        _ if op.domid == op.caller.domid && command != abi::MAX_MEM && command != abi::SETDOMAINHANDLE => return Err(Errno::EINVAL.into()),
        abi::DESTROYDOMAIN => xen.kill_domain(op.domid)?,
        abi::PAUSEDOMAIN => pause(xen, op.domid)?,
        abi::MAX_MEM => xen.domain_mut(op.domid)?.max_pages = (op.record.get(&max_mem::MAX_MEMKB)? >> 2).min(u64::from(u32::MAX)),
        abi::SETDOMAINHANDLE => xen.domain_mut(op.domid)?.handle = op.record.get_bytes(&set_handle::HANDLE)?,
        abi::SOFT_RESET => xen.soft_reset(op.domid)?,
        abi::MAX_VCPUS => create_vcpus(xen, op)?,
        _ => set_tsc(xen, op)?,
    }
    Ok(0)
}

fn pause(xen: &mut Xen, domid: DomId) -> Result<(), Errno> {
    let domain = xen.domain_mut(domid)?;
    if domain.pause_count >= PAUSES_MAX {
        return Err(Errno::EOVERFLOW);
    }
    domain.pause_count += 1;
    Ok(())
}

fn unpause(xen: &mut Xen, domid: DomId) -> Result<(), Errno> {
    let domain = xen.domain_mut(domid)?;
    domain.pause_count = domain.pause_count.checked_sub(1).ok_or(Errno::EINVAL)?;
    if domain.pause_count == 0 {
        domain.creation_finished = true;
        xen.awake.insert(domid);
    }
    Ok(())
}

fn create_vcpus(xen: &mut Xen, op: &Domctl<'_>) -> Result<(), Errno> {
    let wanted = op.record.get_u32(&max_vcpus::MAX)?;
    if wanted != xen.domain(op.domid)?.birth.max_vcpus {
        return Err(Errno::EINVAL);
    }
    xen.create_vcpus(op.domid, wanted)
}

fn set_tsc(xen: &mut Xen, op: &Domctl<'_>) -> Result<(), Errno> {
    let mode = op.record.get_u32(&tsc_info::MODE)?;
    if mode > TSC_MODE_MAX {
        return Err(Errno::EINVAL);
    }
    xen.domain_mut(op.domid)?.tsc_mode = mode;
    Ok(())
}
