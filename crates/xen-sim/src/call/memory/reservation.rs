//! `populate_physmap` and `decrease_reservation`, whose only answer is how far they came, and `claim_pages`.

use xen_abi::hypercall::memory::{self as header, reservation as abi};
use xen_abi::{DomId, Errno};

use crate::call::{Answer, Caller, Image, Record, not_simulated};
use crate::heap::{ORDER_1GIB, ORDER_2MIB};
use crate::xen::Xen;

/// Extents that a continuation can count (`UINT_MAX >> MEMOP_EXTENT_SHIFT`).
const EXTENTS_MAX: u64 = (u32::MAX >> super::COMMAND_BITS) as u64;
/// The highest gfn of a 48-bit physical address space, one more: no extent reaches past it.
const GFNS: u64 = 1 << 36;

struct Reservation {
    domid: DomId,
    extents: u64,
    order: u32,
    flags: u32,
    list: Option<usize>,
}

fn read(xen: &Xen, caller: &Caller, image: &Image<'_>) -> Result<Reservation, Errno> {
    let size = abi::RECORD.size(&xen.release).map_err(|_| Errno::EFAULT)?;
    let record = Record::load(image, &xen.release, image.required(1)?, size, 0)?;
    Ok(Reservation {
        domid: Xen::resolve(caller.domid, record.get(&abi::DOMID)?),
        extents: record.get(&abi::NR_EXTENTS)?,
        order: record.get_u32(&abi::EXTENT_ORDER)?,
        flags: record.get_u32(&abi::MEM_FLAGS)?,
        list: record.pointer(image, &abi::EXTENT_START)?,
    })
}

/// Does extent after extent until one fails; whatever the reason, the answer is the number done (xen/common/memory.c).
pub(super) fn adjust(xen: &mut Xen, caller: &Caller, image: &Image<'_>, command: u32, start: u64) -> Answer {
    let mut done = start;
    if let Ok(reservation) = read(xen, caller, image) {
        // Promises are kept gfn by gfn.
        if reservation.flags & abi::MEMF_POPULATE_ON_DEMAND != 0 && reservation.order > ORDER_2MIB {
            return not_simulated("extent on demand of order", reservation.order);
        }
        let limit = caller.short.map_or(reservation.extents, |short| reservation.extents.min(start.saturating_add(short)));
        if acceptable(xen, caller, &reservation) {
            while done < limit && extent(xen, image, &reservation, command, done).is_ok() {
                done += 1;
            }
        }
    }
    Ok(done as i64)
}

fn acceptable(xen: &Xen, caller: &Caller, reservation: &Reservation) -> bool {
    // dom0 may ask for 1 GiB at once, others for 2 MiB (CONFIG_CTLDOM_MAX_ORDER, CONFIG_DOMU_MAX_ORDER).
    let order_max = if caller.privileged().is_ok() { ORDER_1GIB } else { ORDER_2MIB };
    reservation.extents <= EXTENTS_MAX
        && reservation.order <= order_max
        && xen.domains.contains_key(&reservation.domid)
        && caller.may_act_on(reservation.domid).is_ok()
}

fn extent(xen: &mut Xen, image: &Image<'_>, reservation: &Reservation, command: u32, index: u64) -> Result<(), Errno> {
    let offset = usize::try_from(index).ok().and_then(|index| index.checked_mul(8)).ok_or(Errno::EFAULT)?;
    let gfn = image.read_u64(reservation.list.ok_or(Errno::EFAULT)?, offset)?;
    let end = gfn.checked_add(1 << reservation.order).filter(|end| *end <= GFNS).ok_or(Errno::EINVAL)?;
    if command == header::POPULATE_PHYSMAP {
        if reservation.flags & abi::MEMF_POPULATE_ON_DEMAND != 0 {
            return xen.promise_extent(reservation.domid, gfn, end);
        }
        return xen.populate_extent(reservation.domid, gfn, reservation.order);
    }
    (gfn..end).try_for_each(|gfn| xen.remove_page(reservation.domid, gfn))
}

/// A claim: no list, no order, no flags; dom0 alone.
pub(super) fn claim(xen: &mut Xen, caller: &Caller, image: &Image<'_>) -> Answer {
    let reservation = read(xen, caller, image)?;
    if reservation.list.is_some() || reservation.order != 0 || reservation.flags != 0 || !xen.domains.contains_key(&reservation.domid) {
        return Err(Errno::EINVAL.into());
    }
    caller.privileged()?;
    xen.claim_pages(reservation.domid, reservation.extents)?;
    Ok(0)
}
