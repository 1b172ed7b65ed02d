//! The paging pool by both routes: `shadow_op` in MiB, and from 4.17 the operation of its own in bytes.

use xen_abi::Errno;
use xen_abi::hypercall::domctl::{self as header, paging_pool as abi};
use xen_abi::names::{PAGE_SHIFT, PAGE_SIZE};

use super::Domctl;
use crate::call::{Answer, not_simulated};
use crate::xen::Xen;

/// `log2` of the pages in a MiB.
const MIB_SHIFT: u32 = 20 - PAGE_SHIFT;

pub(super) fn run(xen: &mut Xen, command: u32, mut op: Domctl<'_>) -> Answer {
    let domain = xen.domain(op.domid)?;
    if !domain.is_hvm() {
        let errno = if command == header::SHADOW_OP { Errno::EINVAL } else { Errno::EOPNOTSUPP };
        return Err(errno.into());
    }
    match command {
        header::SHADOW_OP => return shadow_op(xen, op),
        header::GET_PAGING_MEMPOOL_SIZE => op.record.put(&abi::MEMPOOL_SIZE, domain.pool.pages << PAGE_SHIFT)?,
        _ => {
            let bytes = op.record.get(&abi::MEMPOOL_SIZE)?;
            let pages = bytes >> PAGE_SHIFT;
            if bytes % PAGE_SIZE as u64 != 0 || u32::try_from(pages).is_err() {
                return Err(Errno::EINVAL.into());
            }
            xen.set_paging_pool(op.domid, pages)?;
            return Ok(0);
        }
    }
    op.copy_back()
}

fn shadow_op(xen: &mut Xen, mut op: Domctl<'_>) -> Answer {
    let wanted = op.record.get_u32(&abi::SHADOW_OP)?;
    let done = match wanted {
        abi::SHADOW_GET_ALLOCATION => Ok(()),
        abi::SHADOW_SET_ALLOCATION => xen.set_paging_pool(op.domid, op.record.get(&abi::SHADOW_MB)? << MIB_SHIFT),
        _ => return not_simulated("shadow operation", wanted),
    };
    // What came of it is told in both cases, rounded up.
    let pages = xen.domain(op.domid)?.pool.pages;
    op.record.put(&abi::SHADOW_MB, pages.div_ceil(1 << MIB_SHIFT))?;
    op.copy_back()?;
    done?;
    Ok(0)
}
