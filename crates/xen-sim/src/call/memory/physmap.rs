//! `add_to_physmap` and `remove_from_physmap`: pages that Xen already has, at a gfn of the domain's.

use xen_abi::Errno;
use xen_abi::hypercall::memory::physmap as abi;

use crate::call::{Answer, Caller, Image, Record, not_simulated};
use crate::page::Page;
use crate::xen::Xen;

/// `XENMAPSPACE_gmfn_foreign` (public/memory.h), which only the batch operation takes.
const SPACE_FOREIGN: u32 = 4;

pub(super) fn add(xen: &mut Xen, caller: &Caller, image: &Image<'_>) -> Answer {
    let size = abi::ADD_RECORD.size(&xen.release).map_err(|_| Errno::EFAULT)?;
    let record = Record::load(image, &xen.release, image.required(1)?, size, 0)?;
    let space = record.get_u32(&abi::ADD_SPACE)?;
    if space == SPACE_FOREIGN {
        return Err(Errno::ENOSYS.into());
    }
    let domid = Xen::resolve(caller.domid, record.get(&abi::ADD_DOMID)?);
    let index = record.get(&abi::ADD_IDX)?;
    let domain = xen.domain_mut(domid)?;
    caller.may_act_on(domid)?;
    if !domain.is_hvm() {
        return Err(Errno::EINVAL.into());
    }
    let page = match space {
        abi::SPACE_SHARED_INFO if index == 0 => Page::zeroed(),
        abi::SPACE_SHARED_INFO => return Err(Errno::EINVAL.into()),
        abi::SPACE_GRANT_TABLE => domain.grants.frame(index)?,
        _ => return not_simulated("space of add_to_physmap", space),
    };
    domain.p2m.add_special(record.get(&abi::ADD_GPFN)?, page);
    Ok(0)
}

pub(super) fn remove(xen: &mut Xen, caller: &Caller, image: &Image<'_>) -> Answer {
    let size = abi::REMOVE_RECORD.size(&xen.release).map_err(|_| Errno::EFAULT)?;
    let record = Record::load(image, &xen.release, image.required(1)?, size, 0)?;
    let domid = Xen::resolve(caller.domid, record.get(&abi::REMOVE_DOMID)?);
    let domain = xen.domain_mut(domid)?;
    if !domain.is_hvm() {
        return Err(Errno::EACCES.into());
    }
    caller.may_act_on(domid)?;
    // The page leaves the map and stays the domain's.
    domain.p2m.remove(record.get(&abi::REMOVE_GPFN)?).ok_or(Errno::ENOENT)?;
    Ok(0)
}
