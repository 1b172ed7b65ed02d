//! What a domain's CPUs look like: `get_cpu_policy` and `set_cpu_policy`.

use xen_abi::Errno;
use xen_abi::hypercall::domctl::{self as header, policy as abi};

use super::Domctl;
use crate::call::Answer;
use crate::cpu_policy;
use crate::xen::Xen;

pub(super) fn run(xen: &mut Xen, command: u32, op: Domctl<'_>) -> Answer {
    if command == header::GET_CPU_POLICY { get(xen, op) } else { set(xen, op) }
}

fn get(xen: &Xen, mut op: Domctl<'_>) -> Answer {
    let leaves = cpu_policy::leaf_bytes(&xen.domain(op.domid)?.cpuid);
    let leaves_to = op.record.pointer(op.image, &abi::LEAVES)?;
    let room = op.record.get(&abi::NR_LEAVES)?;
    let count = cpu_policy::give(op.image, leaves_to, room, &leaves, cpu_policy::LEAF_BYTES, cpu_policy::LEAVES_MAX)?;
    op.record.put(&abi::NR_LEAVES, count)?;
    let msrs_to = op.record.pointer(op.image, &abi::MSRS)?;
    let room = op.record.get(&abi::NR_MSRS)?;
    let count =
        cpu_policy::give(op.image, msrs_to, room, &cpu_policy::msr_bytes(), cpu_policy::MSR_BYTES, cpu_policy::msrs_max(&xen.release))?;
    op.record.put(&abi::NR_MSRS, count)?;
    op.copy_back()
}

fn set(xen: &mut Xen, mut op: Domctl<'_>) -> Answer {
    if op.domid == op.caller.domid {
        return Err(Errno::EINVAL.into());
    }
    if xen.domain(op.domid)?.creation_finished {
        return Err(Errno::EEXIST.into());
    }
    let leaves = array(&op, &abi::LEAVES, op.record.get(&abi::NR_LEAVES)?, cpu_policy::LEAF_BYTES, cpu_policy::LEAVES_MAX)?;
    let msrs = array(&op, &abi::MSRS, op.record.get(&abi::NR_MSRS)?, cpu_policy::MSR_BYTES, cpu_policy::msrs_max(&xen.release))?;
    let release = xen.release;
    let system = cpu_policy::hvm_max(xen.config.cpu_vendor);
    let domain = xen.domain_mut(op.domid)?;
    match cpu_policy::merge(&domain.cpuid, &leaves, &msrs, &system, &release) {
        Ok(merged) => {
            domain.cpuid = merged;
            Ok(0)
        }
        Err(refused) => {
            op.record.put(&abi::ERR_LEAF, refused.leaf.into())?;
            op.record.put(&abi::ERR_SUBLEAF, refused.subleaf.into())?;
            op.record.put(&abi::ERR_MSR, refused.msr.into())?;
            op.copy_back()?;
            Err(refused.errno.into())
        }
    }
}

/// The records that the caller hands over; `E2BIG` where they are more than any policy has.
fn array(op: &Domctl<'_>, member: &xen_abi::record::Member, count: u64, size: usize, most: u64) -> Result<Vec<u8>, Errno> {
    if count > most {
        return Err(Errno::E2BIG);
    }
    match op.record.pointer(op.image, member)? {
        _ if count == 0 => Ok(Vec::new()),
        Some(buffer) => Ok(op.image.read(buffer, 0, count as usize * size)?.to_vec()),
        None => Err(Errno::EFAULT),
    }
}
