//! The registers of one vcpu in the older form.

use xen_abi::Errno;
use xen_abi::boot::hvm_record::cpu;
use xen_abi::hypercall::domctl::vcpucontext as abi;

use super::Domctl;
use crate::call::Answer;
use crate::xen::Xen;

pub(super) fn run(xen: &Xen, op: Domctl<'_>) -> Answer {
    let domain = xen.domain(op.domid)?;
    let vcpu = op.record.get_u32(&abi::VCPU)?;
    if op.domid == op.caller.domid || vcpu >= domain.birth.max_vcpus {
        return Err(Errno::EINVAL.into());
    }
    if vcpu as usize >= domain.vcpus.len() {
        return Err(Errno::ESRCH.into());
    }
    // Never started: it has no registers.
    let record = u16::try_from(vcpu).ok().and_then(|vcpu| domain.records.get(&(cpu::CODE, vcpu))).ok_or(Errno::ENODATA)?;
    let mut context = abi::CONTEXT_RECORD.zeroed(&xen.release).map_err(|_| Errno::EFAULT)?;
    for (to, from) in [(&abi::RBX, cpu::RBX), (&abi::RIP, cpu::RIP), (&abi::CR0, cpu::CR0)] {
        let value = from.get(record).map_err(|_| Errno::EFAULT)?;
        to.put(&xen.release, &mut context, value).map_err(|_| Errno::EFAULT)?;
    }
    let buffer = op.record.pointer(op.image, &abi::CTXT)?.ok_or(Errno::EFAULT)?;
    op.image.write(buffer, 0, &context)?;
    op.copy_back()
}
