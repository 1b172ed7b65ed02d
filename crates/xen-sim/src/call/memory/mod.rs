//! Memory of domains: the operation in the low six bits of the first word, where to go on in the rest.

mod physmap;
mod pod_target;
mod reservation;
mod resource;

use xen_abi::hypercall::memory::{self as abi, set_memory_map};
use xen_abi::{DomId, Errno};

use super::{Answer, Caller, Image, Record, not_simulated};
use crate::xen::Xen;

/// Bits of the first word that are the operation (`MEMOP_EXTENT_SHIFT`, xen/include/xen/hypercall.h).
const COMMAND_BITS: u32 = 6;
/// `XENMEM_maximum_ram_page` (public/memory.h).
const MAXIMUM_RAM_PAGE: u32 = 2;
/// `XENMEM_current_reservation` (public/memory.h).
const CURRENT_RESERVATION: u32 = 3;
/// `XENMEM_maximum_reservation` (public/memory.h).
const MAXIMUM_RESERVATION: u32 = 4;
/// `XENMEM_acquire_resource` (public/memory.h).
const ACQUIRE_RESOURCE: u32 = 28;
/// The highest operation of any release.
const HIGHEST: u32 = 28;
/// `E820MAX` (xen/arch/x86/include/asm/e820.h).
const E820_ENTRIES_MAX: u64 = 1024;

pub(super) fn run(xen: &mut Xen, caller: &Caller, image: &mut Image<'_>) -> Answer {
    let command = image.word(0) as u32 & ((1 << COMMAND_BITS) - 1);
    let start = image.word(0) >> COMMAND_BITS;
    match command {
        abi::POPULATE_PHYSMAP | abi::DECREASE_RESERVATION => return reservation::adjust(xen, caller, image, command, start),
        abi::ADD_TO_PHYSMAP => return physmap::add(xen, caller, image),
        ACQUIRE_RESOURCE => return resource::acquire(xen, caller, image, start),
        abi::CLAIM_PAGES | abi::REMOVE_FROM_PHYSMAP | abi::SET_MEMORY_MAP | abi::MAXIMUM_GPFN => {}
        abi::SET_POD_TARGET | abi::GET_POD_TARGET => {}
        MAXIMUM_RAM_PAGE | CURRENT_RESERVATION | MAXIMUM_RESERVATION => {}
        0..=HIGHEST => return not_simulated("memory operation", command),
        _ => return Err(Errno::ENOSYS.into()),
    }
    if start != 0 {
        // Of those below none looks at where to go on: some are refused by their own rules (xen/common/memory.c), to the others it is another
        // operation (xen/arch/x86/mm.c).
        let of_x86 = matches!(command, abi::SET_MEMORY_MAP | abi::SET_POD_TARGET | abi::GET_POD_TARGET);
        return Err(if of_x86 { Errno::ENOSYS } else { Errno::EINVAL }.into());
    }
    match command {
        abi::CLAIM_PAGES => reservation::claim(xen, caller, image),
        abi::REMOVE_FROM_PHYSMAP => physmap::remove(xen, caller, image),
        abi::SET_MEMORY_MAP => set_map(xen, caller, image),
        abi::SET_POD_TARGET => pod_target::set(xen, caller, image),
        abi::GET_POD_TARGET => pod_target::get(xen, caller, image),
        MAXIMUM_RAM_PAGE => Ok(xen.heap.total as i64),
        _ => count(xen, caller, image, command),
    }
}

/// Operations whose argument is a domid and whose answer is a number.
fn count(xen: &mut Xen, caller: &Caller, image: &Image<'_>, command: u32) -> Answer {
    let bytes = image.read(image.required(1)?, 0, 2)?;
    let said = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let domid = Xen::resolve(caller.domid, said);
    let domain = xen.domain(domid)?;
    caller.may_act_on(domid)?;
    Ok(match command {
        CURRENT_RESERVATION => domain.tot_pages as i64,
        MAXIMUM_RESERVATION => domain.max_pages as i64,
        _ => domain.p2m.highest().unwrap_or(0) as i64,
    })
}

fn set_map(xen: &mut Xen, caller: &Caller, image: &Image<'_>) -> Answer {
    let size = set_memory_map::RECORD.size(&xen.release).map_err(|_| Errno::EFAULT)?;
    let record = Record::load(image, &xen.release, image.required(1)?, size, 0)?;
    let entries = record.get(&set_memory_map::NR_ENTRIES)?;
    if entries > E820_ENTRIES_MAX {
        return Err(Errno::EINVAL.into());
    }
    let domid: DomId = Xen::resolve(caller.domid, record.get(&set_memory_map::DOMID)?);
    xen.domain(domid)?;
    caller.may_act_on(domid)?;
    let length = entries as usize * set_memory_map::ENTRY_SIZE;
    let map = match record.pointer(image, &set_memory_map::BUFFER)? {
        Some(buffer) => image.read(buffer, 0, length)?.to_vec(),
        None if length == 0 => Vec::new(),
        None => return Err(Errno::EFAULT.into()),
    };
    xen.domain_mut(domid)?.memory_map = map;
    Ok(0)
}
