//! `readconsole`: Xen's own log from an index on.

use xen_abi::hypercall::sysctl::readconsole as abi;

use super::Sysctl;
use crate::call::Answer;
use crate::xen::Xen;

pub(super) fn run(xen: &mut Xen, mut op: Sysctl<'_>) -> Answer {
    let room = op.record.get(&abi::COUNT)? as usize;
    let asked = op.record.get(&abi::INDEX)? as usize;
    let start = if op.record.get(&abi::INCREMENTAL)? != 0 && asked <= xen.console.len() { asked } else { 0 };
    let text: Vec<u8> = xen.console.iter().skip(start).take(room).copied().collect();
    if let Some(buffer) = op.record.pointer(op.image, &abi::BUFFER)? {
        op.image.write(buffer, 0, &text)?;
    } else if !text.is_empty() {
        return Err(xen_abi::Errno::EFAULT.into());
    }
    let end = start + text.len();
    op.record.put(&abi::COUNT, text.len() as u64)?;
    op.record.put(&abi::INDEX, end as u64)?;
    if op.record.get(&abi::CLEAR)? != 0 {
        // Indices run on in Xen; the simulator's log is short and begins anew.
        xen.console.drain(..end);
    }
    op.copy_back()
}
