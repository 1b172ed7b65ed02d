//! `set_pod_target` and `get_pod_target`: what of a domain is populated on demand.

use xen_abi::hypercall::memory::pod_target as abi;
use xen_abi::{DomId, Errno, Release};

use crate::call::{Answer, Caller, Image, Record};
use crate::xen::Xen;

pub(super) fn set(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let (record, domid) = load(xen, caller, image)?;
    let target = record.get(&abi::TARGET_PAGES)?;
    if target > xen.domain(domid)?.max_pages {
        return Err(Errno::EINVAL.into());
    }
    xen.set_pod_target(domid, target)?;
    tell(xen, domid, record, image)
}

pub(super) fn get(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let (record, domid) = load(xen, caller, image)?;
    tell(xen, domid, record, image)
}

/// The argument and its domain, where the caller may ask. From 4.17 a PV domain is refused first (xen/arch/x86/mm.c).
fn load(xen: &Xen, caller: &Caller, image: &Image<'_>) -> Result<(Record, DomId), Errno> {
    let size = abi::RECORD.size(&xen.release).map_err(|_| Errno::EFAULT)?;
    let record = Record::load(image, &xen.release, image.required(1)?, size, 0)?;
    let domid = Xen::resolve(caller.domid, record.get(&abi::DOMID)?);
    if xen.since(Release::V4_17) && !xen.domain(domid)?.is_hvm() {
        return Err(Errno::EINVAL);
    }
    xen.domain(domid)?;
    caller.privileged()?;
    Ok((record, domid))
}

fn tell(xen: &Xen, domid: DomId, mut record: Record, image: &mut Image<'_>) -> Answer {
    let domain = xen.domain(domid)?;
    record.put(&abi::TOT_PAGES, domain.tot_pages)?;
    record.put(&abi::POD_CACHE_PAGES, domain.pod_cache)?;
    record.put(&abi::POD_ENTRIES, domain.p2m.promises())?;
    record.store(image)?;
    Ok(0)
}
