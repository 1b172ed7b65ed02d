//! `get_cpu_policy` of the host: what Xen has and what it would give.

use xen_abi::Errno;
use xen_abi::hypercall::sysctl::cpu_policy as abi;

use super::Sysctl;
use crate::call::Answer;
use crate::cpu_policy;
use crate::xen::Xen;

/// Where the reserved word stands that must be zero, in bytes of the body.
const RESERVED: usize = 12;

pub(super) fn run(xen: &Xen, mut op: Sysctl<'_>) -> Answer {
    let index = op.record.get_u32(&abi::INDEX)?;
    if !op.record.is_zero(RESERVED, 4) || index > abi::HVM_DEFAULT {
        return Err(Errno::EINVAL.into());
    }
    let vendor = xen.config.cpu_vendor;
    let leaves =
        if [abi::PV_DEFAULT, abi::HVM_DEFAULT].contains(&index) { cpu_policy::hvm_default(vendor) } else { cpu_policy::hvm_max(vendor) };
    let bytes = cpu_policy::leaf_bytes(&leaves);
    let to = op.record.pointer(op.image, &abi::LEAVES)?;
    let room = op.record.get(&abi::NR_LEAVES)?;
    let count = cpu_policy::give(op.image, to, room, &bytes, cpu_policy::LEAF_BYTES, cpu_policy::LEAVES_MAX)?;
    op.record.put(&abi::NR_LEAVES, count)?;
    let to = op.record.pointer(op.image, &abi::MSRS)?;
    let room = op.record.get(&abi::NR_MSRS)?;
    let count = cpu_policy::give(op.image, to, room, &cpu_policy::msr_bytes(), cpu_policy::MSR_BYTES, cpu_policy::msrs_max(&xen.release))?;
    op.record.put(&abi::NR_MSRS, count)?;
    op.copy_back()
}
