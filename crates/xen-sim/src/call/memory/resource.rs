//! `acquire_resource` as a hypercall: the size of a resource. Mapping its frames goes by the device node.

use xen_abi::layout::Field;
use xen_abi::{DomId, Errno, Release};

use crate::call::{Answer, Caller, Image, not_simulated};
use crate::xen::Xen;

/// `struct xen_mem_acquire_resource` (public/memory.h, the same in every release).
const SIZE: usize = 40;
const DOMID: Field = Field::u16(0);
const TYPE: Field = Field::u16(2);
const NR_FRAMES: Field = Field::u32(8);
const PAD: Field = Field::u32(12);
const FRAME_LIST: usize = 24;
/// `XENMEM_resource_grant_table`.
const GRANT_TABLE: u64 = 1;
/// What releases up to 4.14 answer whoever asks for the size: frames of one call (xen/common/memory.c).
const FRAMES_OF_ONE_CALL: u64 = 32;

pub(super) fn acquire(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>, start: u64) -> Answer {
    let buffer = image.required(1)?;
    let mut record = image.read(buffer, 0, SIZE)?.to_vec();
    let get = |field: Field| field.get(&record).map_err(|_| Errno::EFAULT);
    let (domid, kind, frames) = (DomId(get(DOMID)? as u16), get(TYPE)?, get(NR_FRAMES)?);
    if get(PAD)? != 0 {
        return Err(Errno::EINVAL.into());
    }
    if image.pointer_at(buffer, FRAME_LIST)?.is_some() {
        return not_simulated("frames by acquire_resource of type", kind as u32);
    }
    let size = if xen.since(Release::V4_15) {
        let domain = xen.domain(domid)?;
        caller.privileged()?;
        match kind {
            GRANT_TABLE => u64::from(domain.grants.frames_max()),
            _ => return Err(Errno::EINVAL.into()),
        }
    } else {
        FRAMES_OF_ONE_CALL
    };
    if frames != 0 || start != 0 {
        return Err(Errno::EINVAL.into());
    }
    NR_FRAMES.put(&mut record, size).map_err(|_| Errno::EFAULT)?;
    image.write(buffer, 0, &record)?;
    Ok(0)
}
