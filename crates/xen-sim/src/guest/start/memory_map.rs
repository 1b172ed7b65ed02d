//! The memory map of start info, and whether it is true.

use xen_abi::DomId;
use xen_abi::boot::start_info::{self as abi, memmap};
use xen_abi::hypercall::memory::set_memory_map as e820;
use xen_abi::names::PAGE_SHIFT;

use super::Start;
use super::info::Info;
use crate::xen::Xen;

/// Start, length in bytes, type.
type Range = (u64, u64, u32);

/// Checks that the map is there, makes sense, is what Xen was told, and that all RAM in it exists.
pub(super) fn check(xen: &Xen, domid: DomId, info: &Info, start: &mut Start) {
    let mut map = read(xen, domid, info);
    start.expect(!map.is_empty(), || format!("no memory map at {:#x}", info.memmap));
    map.sort_unstable();
    for pair in map.windows(2) {
        if let [(addr, bytes, _), (next, ..)] = pair {
            start.expect(addr.saturating_add(*bytes) <= *next, || format!("memory map ranges at {addr:#x} and {next:#x} overlap"));
        }
    }
    for (addr, bytes, kind) in &map {
        start.expect(*bytes > 0 && (abi::TYPE_RAM..=abi::TYPE_NVS).contains(kind), || {
            format!("memory map range at {addr:#x}: {bytes} bytes of type {kind}")
        });
    }
    ram(xen, domid, &map, start);
    told_xen(xen, domid, &map, start);
    let inside = map.iter().any(|(addr, bytes, kind)| *kind == abi::TYPE_RAM && (*addr..addr.saturating_add(*bytes)).contains(&info.paddr));
    start.expect(inside, || format!("start info at {:#x} is not in RAM of the memory map", info.paddr));
}

fn read(xen: &Xen, domid: DomId, info: &Info) -> Vec<Range> {
    let entry = |index: u64| {
        let bytes = xen.read_guest(domid, info.memmap.checked_add(index * memmap::SIZE as u64)?, memmap::SIZE)?;
        let get = |field: xen_abi::layout::Field| field.get(&bytes).unwrap_or(0);
        Some((get(memmap::ADDR), get(memmap::BYTES), get(memmap::TYPE) as u32))
    };
    (0..info.memmap_entries).map_while(entry).collect()
}

fn ram(xen: &Xen, domid: DomId, map: &[Range], start: &mut Start) {
    let Ok(domain) = xen.domain(domid) else { return };
    for (addr, bytes, _) in map.iter().filter(|(_, _, kind)| *kind == abi::TYPE_RAM) {
        start.ram_bytes = start.ram_bytes.saturating_add(*bytes);
        let end = addr.saturating_add(*bytes) >> PAGE_SHIFT;
        let first = addr.div_ceil(1 << PAGE_SHIFT);
        let there = domain.p2m.covers(first, end);
        start.ram.push((first, end.max(first)));
        start.expect(there, || format!("the memory map says RAM at {addr:#x}, {bytes} bytes, and not all of it is there"));
    }
}

/// The same map must answer `XENMEM_memory_map`.
fn told_xen(xen: &Xen, domid: DomId, map: &[Range], start: &mut Start) {
    let Ok(domain) = xen.domain(domid) else { return };
    let mut told: Vec<Range> = domain
        .memory_map
        .chunks_exact(e820::ENTRY_SIZE)
        .map(|entry| {
            let get = |field: xen_abi::layout::Field| field.get(entry).unwrap_or(0);
            (get(e820::ENTRY_ADDR), get(e820::ENTRY_SIZE_FIELD), get(e820::ENTRY_TYPE) as u32)
        })
        .collect();
    told.sort_unstable();
    start.expect(told == map, || format!("Xen was told a memory map of {} ranges that is not start info's of {}", told.len(), map.len()));
}
