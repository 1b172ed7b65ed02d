//! The start info record, its command line and its modules.

use xen_abi::DomId;
use xen_abi::boot::start_info::{self as abi, module, record};
use xen_abi::layout::Field;

use super::{ModuleSeen, Start};
use crate::xen::Xen;

/// The longest command line that is looked for.
const CMDLINE_MAX: usize = 4096;
/// The most modules and map entries that make sense.
const COUNT_MAX: u64 = 128;
/// The largest module that is digested whole.
const MODULE_MAX: u64 = 1 << 32;
/// Everything that start info names lies below (docs/misc/pvh.pandoc).
const BELOW: u64 = 1 << 32;

/// Where the record leads.
pub(super) struct Info {
    pub(super) paddr: u64,
    pub(super) rsdp: u64,
    pub(super) memmap: u64,
    pub(super) memmap_entries: u64,
}

fn get(bytes: &[u8], field: Field) -> u64 {
    field.get(bytes).unwrap_or(0)
}

/// Reads the record at `rbx`.
pub(super) fn read(xen: &Xen, domid: DomId, rbx: u64, start: &mut Start) -> Option<Info> {
    let Some(bytes) = xen.read_guest(domid, rbx, record::SIZE) else {
        start.problem(format!("rbx {rbx:#x} is not in memory"));
        return None;
    };
    let (magic, version) = (get(&bytes, record::MAGIC), get(&bytes, record::VERSION));
    if magic != u64::from(abi::MAGIC) || version != u64::from(abi::VERSION) {
        start.problem(format!("start info at {rbx:#x} has magic {magic:#x}, version {version}"));
        return None;
    }
    let flags = get(&bytes, record::FLAGS);
    start.expect(flags == 0, || format!("start info has flags {flags:#x}"));
    cmdline(xen, domid, get(&bytes, record::CMDLINE_PADDR), start);
    modules(xen, domid, get(&bytes, record::NR_MODULES), get(&bytes, record::MODLIST_PADDR), start);
    Some(Info {
        paddr: rbx,
        rsdp: get(&bytes, record::RSDP_PADDR),
        memmap: get(&bytes, record::MEMMAP_PADDR),
        memmap_entries: get(&bytes, record::MEMMAP_ENTRIES).min(COUNT_MAX),
    })
}

/// A text at an address, up to its zero.
fn text(xen: &Xen, domid: DomId, paddr: u64) -> Option<String> {
    let mut text = Vec::new();
    for at in paddr..paddr.checked_add(CMDLINE_MAX as u64)? {
        match xen.read_guest(domid, at, 1)?.first()? {
            0 => return String::from_utf8(text).ok(),
            byte => text.push(*byte),
        }
    }
    None
}

fn cmdline(xen: &Xen, domid: DomId, paddr: u64, start: &mut Start) {
    if paddr == 0 {
        return;
    }
    match text(xen, domid, paddr) {
        Some(text) if paddr < BELOW => start.cmdline = text,
        _ => start.problem(format!("the command line at {paddr:#x} is not a text below 4 GiB")),
    }
}

fn modules(xen: &Xen, domid: DomId, count: u64, list: u64, start: &mut Start) {
    start.expect(count <= COUNT_MAX, || format!("{count} modules"));
    for index in 0..count.min(COUNT_MAX) {
        let at = list.wrapping_add(index * module::SIZE as u64);
        let entry = xen.read_guest(domid, at, module::SIZE).unwrap_or_else(|| vec![0; module::SIZE]);
        let (paddr, bytes, cmdline) = (get(&entry, module::PADDR), get(&entry, module::BYTES), get(&entry, module::CMDLINE_PADDR));
        let body = (bytes <= MODULE_MAX).then(|| xen.read_guest(domid, paddr, bytes as usize)).flatten();
        match body {
            Some(body) => {
                let head = body.iter().take(16).copied().collect();
                start.modules.push(ModuleSeen { paddr, bytes, head, digest: ModuleSeen::digest_of(&body) });
            }
            None => start.problem(format!("module {index} at {paddr:#x}, {bytes} bytes, is not in memory")),
        }
        start.expect(paddr & 0xfff == 0 && paddr < BELOW, || format!("module {index} lies at {paddr:#x}"));
        start.expect(cmdline == 0 || text(xen, domid, cmdline).is_some(), || format!("module {index} has no command line at {cmdline:#x}"));
    }
}
