//! The start state, looked at as a PVH kernel would, and a little more strictly.
//!
//! ```text
//!   vcpu 0 --rip--> entry (memory that the builder wrote)
//!          --rbx--> start info --> command line, modules, memory map, RSDP --> XSDT --> FADT, MADT
//!   HVM params --> store and console: frame populated, port waiting;  grants 0 and 1 name the same frames
//! ```
//!
//! Everything wrong is said at once, each with where it was found (docs/misc/pvh.pandoc in Xen's tree says what a guest may expect).

mod acpi;
mod info;
mod memory_map;
mod rings;

use xen_abi::boot::hvm_record::{cpu, mtrr};
use xen_abi::names::PAGE_SHIFT;
use xen_abi::{DomId, hypercall::hvm};

use super::report::ModuleSeen;
use crate::xen::Xen;

/// The parameters of the console ring: frame and port.
pub(super) const CONSOLE: (u32, u32) = (hvm::CONSOLE_PFN, hvm::CONSOLE_EVTCHN);
/// The parameters of the store ring.
pub(super) const STORE: (u32, u32) = (hvm::STORE_PFN, hvm::STORE_EVTCHN);
/// Bytes that are kept of the entry, to tell kernels apart.
const ENTRY_BYTES: usize = 64;
const CR0_PE: u64 = 1;
const CR0_PG: u64 = 0x8000_0000;
/// A present, accessed, readable code segment of 32 bits with page granularity.
const CS_ATTRIBUTES: u64 = 0xc9b;
/// The same for data, writable.
const DS_ATTRIBUTES: u64 = 0xc93;
/// A busy 32-bit TSS.
const TR_ATTRIBUTES: u64 = 0x8b;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) problems: Vec<String>,
    pub(super) entry: Vec<u8>,
    pub(super) cmdline: String,
    pub(super) vcpus: u32,
    pub(super) ram_bytes: u64,
    /// First and last gfn of each range of RAM, the last one excluded.
    pub(super) ram: Vec<(u64, u64)>,
    pub(super) modules: Vec<ModuleSeen>,
}

impl Start {
    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn expect(&mut self, good: bool, problem: impl FnOnce() -> String) {
        if !good {
            self.problems.push(problem());
        }
    }
}

/// Looks at everything.
pub(super) fn inspect(xen: &mut Xen, domid: DomId) -> Start {
    let mut start = Start::default();
    let rbx = registers(xen, domid, &mut start);
    let mut looked = Vec::new();
    if let Some(info) = info::read(xen, domid, rbx, &mut start) {
        memory_map::check(xen, domid, &info, &mut start);
        looked = acpi::processors(xen, domid, info.rsdp, &mut start);
    }
    processors(xen, domid, &looked, &mut start);
    rings::check(xen, domid, &mut start);
    start
}

fn registers(xen: &Xen, domid: DomId, start: &mut Start) -> u64 {
    let record = xen.domain(domid).ok().and_then(|domain| domain.records.get(&(cpu::CODE, 0)));
    let get = |field: xen_abi::layout::Field| record.and_then(|record| field.get(record).ok()).unwrap_or(0);
    let cr0 = get(cpu::CR0);
    start.expect(cr0 & CR0_PE != 0 && cr0 & CR0_PG == 0, || format!("cr0 is {cr0:#x}: not protected mode without paging"));
    let segments = [
        ("cs", get(cpu::CS_ARBYTES), CS_ATTRIBUTES, get(cpu::CS_LIMIT)),
        ("ds", get(cpu::DS_ARBYTES), DS_ATTRIBUTES, get(cpu::DS_LIMIT)),
        ("es", get(cpu::ES_ARBYTES), DS_ATTRIBUTES, get(cpu::ES_LIMIT)),
        ("ss", get(cpu::SS_ARBYTES), DS_ATTRIBUTES, get(cpu::SS_LIMIT)),
    ];
    for (name, attributes, wanted, limit) in segments {
        start.expect(attributes == wanted && limit == u64::from(u32::MAX), || {
            format!("{name}: attributes {attributes:#x}, limit {limit:#x}")
        });
    }
    let (tr, limit) = (get(cpu::TR_ARBYTES), get(cpu::TR_LIMIT));
    start.expect(tr == TR_ATTRIBUTES && limit == 0x67, || format!("tr: attributes {tr:#x}, limit {limit:#x}"));
    let rip = get(cpu::RIP);
    start.entry = entry(xen, domid, rip);
    let loaded = start.entry.iter().any(|byte| *byte != 0);
    start.expect(loaded, || format!("rip {rip:#x} points at nothing that was loaded"));
    get(cpu::RBX)
}

/// The bytes at the entry, as far as its page goes.
fn entry(xen: &Xen, domid: DomId, rip: u64) -> Vec<u8> {
    let room = (1 << PAGE_SHIFT) - (rip & ((1 << PAGE_SHIFT) - 1));
    xen.read_guest(domid, rip, ENTRY_BYTES.min(room as usize)).unwrap_or_default()
}

fn processors(xen: &Xen, domid: DomId, apic_ids: &[u32], start: &mut Start) {
    let Ok(domain) = xen.domain(domid) else { return };
    start.vcpus = domain.vcpus.len() as u32;
    let wanted: Vec<u32> = (0..start.vcpus).map(|vcpu| vcpu * 2).collect();
    start.expect(apic_ids == wanted, || format!("MADT has processors with APIC ids {apic_ids:?}, and the domain {} vcpus", wanted.len()));
    for vcpu in 0..start.vcpus as u16 {
        let record = domain.records.get(&(mtrr::CODE, vcpu));
        let kind = record.and_then(|record| mtrr::DEF_TYPE.get(record).ok()).unwrap_or(0);
        start.expect(kind == mtrr::DEF_TYPE_WRITE_BACK, || {
            format!("vcpu {vcpu}: MTRR default type is {kind:#x}, not write-back and enabled")
        });
    }
}

impl Xen {
    /// Bytes at a guest physical address; none where memory is missing. Untouched memory is zero.
    pub(super) fn read_guest(&self, domid: DomId, paddr: u64, length: usize) -> Option<Vec<u8>> {
        let p2m = &self.domain(domid).ok()?.p2m;
        let end = paddr.checked_add(length as u64)?;
        if !p2m.covers(paddr >> PAGE_SHIFT, end.div_ceil(1 << PAGE_SHIFT)) {
            return None;
        }
        let mut bytes = vec![0; length];
        let mut at = 0;
        while at < length {
            let here = paddr + at as u64;
            let offset = (here & ((1 << PAGE_SHIFT) - 1)) as usize;
            let part = ((1 << PAGE_SHIFT) - offset).min(length - at);
            if let (Some(page), Some(into)) = (p2m.touched(here >> PAGE_SHIFT), bytes.get_mut(at..at + part)) {
                page.read(offset, into);
            }
            at += part;
        }
        Some(bytes)
    }
}
