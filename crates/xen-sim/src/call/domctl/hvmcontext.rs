//! The registers of a domain's vcpus, as records of the HVM save stream.

use xen_abi::Errno;
use xen_abi::hypercall::domctl::{self as header, hvmcontext as abi};

use super::Domctl;
use crate::call::Answer;
use crate::domain::Life;
use crate::hvm_context;
use crate::xen::Xen;

pub(super) fn run(xen: &mut Xen, command: u32, op: Domctl<'_>) -> Answer {
    let domain = xen.domain(op.domid)?;
    if op.domid == op.caller.domid || !domain.is_hvm() {
        return Err(Errno::EINVAL.into());
    }
    match command {
        header::GETHVMCONTEXT => get(xen, op),
        header::SETHVMCONTEXT => set(xen, &op),
        _ => get_one(xen, op),
    }
}

fn get(xen: &Xen, mut op: Domctl<'_>) -> Answer {
    let domain = xen.domain(op.domid)?;
    let size = hvm_context::size(domain, &xen.release);
    let Some(buffer) = op.record.pointer(op.image, &abi::BUFFER)? else {
        op.record.put(&abi::SIZE, size as u64)?;
        return op.copy_back();
    };
    if op.record.get(&abi::SIZE)? < size as u64 {
        op.copy_back()?;
        return Err(Errno::ENOSPC.into());
    }
    if domain.life != Life::Alive {
        return Err(Errno::EINVAL.into());
    }
    let stream = hvm_context::save(domain, xen);
    op.record.put(&abi::SIZE, stream.len() as u64)?;
    op.image.write(buffer, 0, &stream)?;
    op.copy_back()
}

fn set(xen: &mut Xen, op: &Domctl<'_>) -> Answer {
    let size = op.record.get(&abi::SIZE)? as usize;
    let stream = match op.record.pointer(op.image, &abi::BUFFER)? {
        Some(buffer) => op.image.read(buffer, 0, size)?.to_vec(),
        None if size == 0 => Vec::new(),
        None => return Err(Errno::EFAULT.into()),
    };
    let release = xen.release;
    let domain = xen.living_mut(op.domid)?;
    hvm_context::load(domain, &stream, &release)?;
    Ok(0)
}

fn get_one(xen: &Xen, mut op: Domctl<'_>) -> Answer {
    let domain = xen.domain(op.domid)?;
    let kind = op.record.get_u32(&abi::PARTIAL_TYPE)?;
    let instance = op.record.get_u32(&abi::PARTIAL_INSTANCE)?;
    if domain.life != Life::Alive {
        return Err(Errno::EINVAL.into());
    }
    let record = hvm_context::one(domain, xen, kind, instance)?;
    match op.record.pointer(op.image, &abi::PARTIAL_BUFFER)? {
        None => {}
        Some(_) if op.record.get(&abi::PARTIAL_BUFSZ)? < record.len() as u64 => return Err(Errno::ENOBUFS.into()),
        Some(buffer) => op.image.write(buffer, 0, &record)?,
    }
    op.record.put(&abi::PARTIAL_BUFSZ, record.len() as u64)?;
    op.copy_back()
}
