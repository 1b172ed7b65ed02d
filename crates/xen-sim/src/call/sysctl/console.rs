//! `readconsole`: Xen's own log from an index on.

use xen_abi::hypercall::sysctl::readconsole as abi;

use super::Sysctl;
use crate::call::Answer;
use crate::xen::Xen;

pub(super) fn run(xen: &mut Xen, mut op: Sysctl<'_>) -> Answer {
    let room = op.record.get(&abi::COUNT)? as usize;
    let index = op.record.get(&abi::INDEX)? as u32;
    let from = (op.record.get(&abi::INCREMENTAL)? != 0).then_some(index);
    let (text, next) = xen.console.read(from, room);
    if let Some(buffer) = op.record.pointer(op.image, &abi::BUFFER)? {
        op.image.write(buffer, 0, &text)?;
    } else if !text.is_empty() {
        return Err(xen_abi::Errno::EFAULT.into());
    }
    op.record.put(&abi::COUNT, text.len() as u64)?;
    op.record.put(&abi::INDEX, next.into())?;
    if op.record.get(&abi::CLEAR)? != 0 {
        xen.console.clear(next);
    }
    op.copy_back()
}
