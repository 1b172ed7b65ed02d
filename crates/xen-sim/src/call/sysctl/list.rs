//! `getdomaininfolist`: the records of many domains in one array, whose stride is the record's size.

use xen_abi::hypercall::sysctl::getdomaininfolist as abi;
use xen_abi::{DomId, Errno};

use super::Sysctl;
use crate::call::Answer;
use crate::call::domctl::describe;
use crate::xen::Xen;

pub(super) fn run(xen: &Xen, mut op: Sysctl<'_>) -> Answer {
    let first = DomId(op.record.get(&abi::FIRST_DOMAIN)? as u16);
    let most = op.record.get(&abi::MAX_DOMAINS)? as usize;
    let buffer = op.record.pointer(op.image, &abi::BUFFER)?;
    let mut count: usize = 0;
    for domain in xen.domains.range(first..).map(|(_, domain)| domain).take(most) {
        let info = describe(domain, &xen.release)?;
        op.image.write(buffer.ok_or(Errno::EFAULT)?, count * info.len(), &info)?;
        count += 1;
    }
    op.record.put(&abi::NUM_DOMAINS, count as u64)?;
    op.copy_back()
}
