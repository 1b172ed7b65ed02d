//! The ACPI tables, as far as a kernel needs them to find its processors.

use xen_abi::DomId;

use super::Start;
use crate::xen::Xen;

const RSDP_BYTES: usize = 36;
/// The part of the RSDP that revision 0 checks.
const RSDP_OLD_BYTES: usize = 20;
const HEADER_BYTES: usize = 36;
/// The largest table that makes sense.
const TABLE_MAX: usize = 1 << 20;
/// Entries of the MADT begin here.
const MADT_ENTRIES: usize = 44;
/// Processor by local APIC, and by x2APIC.
const LOCAL_APIC: u8 = 0;
const LOCAL_X2APIC: u8 = 9;

fn word(bytes: &[u8], at: usize, width: usize) -> u64 {
    bytes.get(at..at + width).unwrap_or_default().iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn sums_to_zero(bytes: &[u8]) -> bool {
    bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) == 0
}

/// The APIC ids of the enabled processors, in the order of the MADT.
pub(super) fn processors(xen: &Xen, domid: DomId, rsdp: u64, start: &mut Start) -> Vec<u32> {
    let Some(root) = xen.read_guest(domid, rsdp, RSDP_BYTES).filter(|root| root.starts_with(b"RSD PTR ")) else {
        start.problem(format!("no RSDP at {rsdp:#x}"));
        return Vec::new();
    };
    let old = root.get(..RSDP_OLD_BYTES).unwrap_or_default();
    start.expect(sums_to_zero(old) && sums_to_zero(&root), || format!("the RSDP at {rsdp:#x} has a bad checksum"));
    let Some(xsdt) = table(xen, domid, word(&root, 24, 8), b"XSDT", start) else { return Vec::new() };
    let tables: Vec<u64> = xsdt.get(HEADER_BYTES..).unwrap_or_default().chunks_exact(8).map(|entry| word(entry, 0, 8)).collect();
    let named = |wanted: &[u8; 4]| tables.iter().copied().find(|at| xen.read_guest(domid, *at, 4).is_some_and(|name| name == wanted));
    match named(b"FACP").and_then(|at| table(xen, domid, at, b"FACP", start)) {
        Some(fadt) => {
            let wide = word(&fadt, 140, 8);
            let dsdt = if wide != 0 { wide } else { word(&fadt, 40, 4) };
            table(xen, domid, dsdt, b"DSDT", start);
        }
        None => start.problem("no FADT"),
    }
    let madt = named(b"APIC").and_then(|at| table(xen, domid, at, b"APIC", start));
    madt.map_or_else(Vec::new, |madt| enabled(madt.get(MADT_ENTRIES..).unwrap_or_default()))
}

/// A whole table, whose name and checksum are right.
fn table(xen: &Xen, domid: DomId, at: u64, name: &[u8; 4], start: &mut Start) -> Option<Vec<u8>> {
    let shown = String::from_utf8_lossy(name);
    let header = xen.read_guest(domid, at, HEADER_BYTES);
    let length = header.as_deref().filter(|header| header.starts_with(name)).map(|header| word(header, 4, 4) as usize);
    let bytes = length.filter(|length| (HEADER_BYTES..=TABLE_MAX).contains(length)).and_then(|length| xen.read_guest(domid, at, length));
    if bytes.is_none() {
        start.problem(format!("no {shown} at {at:#x}"));
    }
    let bytes = bytes?;
    start.expect(sums_to_zero(&bytes), || format!("the {shown} at {at:#x} has a bad checksum"));
    Some(bytes)
}

fn enabled(mut entries: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    while let [kind, length, ..] = entries {
        let entry = entries.get(..usize::from(*length)).unwrap_or_default();
        match *kind {
            LOCAL_APIC if word(entry, 4, 4) & 1 != 0 => ids.push(word(entry, 3, 1) as u32),
            LOCAL_X2APIC if word(entry, 8, 4) & 1 != 0 => ids.push(word(entry, 4, 4) as u32),
            _ => {}
        }
        // An entry of no length would be looked at for ever.
        entries = entries.get(usize::from(*length).max(2)..).unwrap_or_default();
    }
    ids
}
