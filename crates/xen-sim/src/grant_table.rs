//! A domain's grant table, version 1: what the owner wrote in its pages is what counts.
//!
//! ```text
//!   entry (8 bytes): flags u16 | domid u16 | frame u32        512 entries in a page
//!   flags: type in bits 0-1 (permit_access 1), readonly 4, reading 8, writing 16
//! ```
//!
//! Layout: public/grant_table.h, `struct grant_entry_v1`, the same in every release.

use std::collections::BTreeMap;

use xen_abi::names::PAGE_SIZE;
use xen_abi::{DomId, Errno, GrantRef};

use crate::page::Page;

const ENTRY_BYTES: usize = 8;
const ENTRIES_PER_PAGE: u32 = (PAGE_SIZE / ENTRY_BYTES) as u32;
const TYPE_MASK: u16 = 3;
const PERMIT_ACCESS: u16 = 1;
const READONLY: u16 = 4;
const READING: u16 = 8;
const WRITING: u16 = 16;

/// How often an entry is mapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Uses {
    reading: u32,
    writing: u32,
}

/// The table.
#[derive(Debug)]
pub(crate) struct GrantTable {
    frames: Vec<Page>,
    frames_max: u32,
    uses: BTreeMap<GrantRef, Uses>,
}

impl GrantTable {
    /// A table of one page that may grow to `frames_max`.
    pub(crate) fn new(frames_max: u32) -> GrantTable {
        GrantTable { frames: vec![Page::zeroed()], frames_max, uses: BTreeMap::new() }
    }

    /// How many pages it has.
    pub(crate) fn frame_count(&self) -> u64 {
        self.frames.len() as u64
    }

    /// How many pages it may have.
    pub(crate) fn frames_max(&self) -> u32 {
        self.frames_max
    }

    /// A page of it; the table grows where needed. `EINVAL` past its limit.
    pub(crate) fn frame(&mut self, index: u64) -> Result<Page, Errno> {
        if index >= u64::from(self.frames_max) {
            return Err(Errno::EINVAL);
        }
        while self.frame_count() <= index {
            self.frames.push(Page::zeroed());
        }
        usize::try_from(index).ok().and_then(|index| self.frames.get(index)).cloned().ok_or(Errno::EINVAL)
    }

    fn place(&self, grant: GrantRef) -> Option<(&Page, usize)> {
        let page = self.frames.get((grant.0 / ENTRIES_PER_PAGE) as usize)?;
        Some((page, (grant.0 % ENTRIES_PER_PAGE) as usize * ENTRY_BYTES))
    }

    /// An entry as it stands: flags, domid, gfn.
    pub(crate) fn entry(&self, grant: GrantRef) -> Option<(u16, DomId, u64)> {
        let (page, at) = self.place(grant)?;
        let mut bytes = [0; ENTRY_BYTES];
        page.read(at, &mut bytes);
        let [f0, f1, d0, d1, frame @ ..] = bytes;
        Some((u16::from_le_bytes([f0, f1]), DomId(u16::from_le_bytes([d0, d1])), u64::from(u32::from_le_bytes(frame))))
    }

    /// Whether `mapper` may map the entry, and the gfn that it names.
    pub(crate) fn permits(&self, grant: GrantRef, mapper: DomId, write: bool) -> Option<u64> {
        let (flags, domid, gfn) = self.entry(grant)?;
        let granted = flags & TYPE_MASK == PERMIT_ACCESS && domid == mapper && !(write && flags & READONLY != 0);
        granted.then_some(gfn)
    }

    /// Notes a mapping in the entry, as Xen does for its owner to see.
    pub(crate) fn pin(&mut self, grant: GrantRef, write: bool) {
        let uses = self.uses.entry(grant).or_default();
        uses.reading += 1;
        uses.writing += u32::from(write);
        self.show_uses(grant);
    }

    /// Takes the note back.
    pub(crate) fn unpin(&mut self, grant: GrantRef, write: bool) {
        if let Some(uses) = self.uses.get_mut(&grant) {
            uses.reading = uses.reading.saturating_sub(1);
            uses.writing = uses.writing.saturating_sub(u32::from(write));
        }
        self.show_uses(grant);
        self.uses.retain(|_, uses| *uses != Uses::default());
    }

    fn show_uses(&self, grant: GrantRef) {
        let uses = self.uses.get(&grant).copied().unwrap_or_default();
        let (Some((flags, ..)), Some((page, at))) = (self.entry(grant), self.place(grant)) else { return };
        let mut shown = flags & !(READING | WRITING);
        shown |= if uses.reading > 0 { READING } else { 0 };
        shown |= if uses.writing > 0 { WRITING } else { 0 };
        page.write(at, &shown.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table_with(flags: u16, domid: u16, frame: u32) -> GrantTable {
        let mut table = GrantTable::new(2);
        let mut entry = Vec::from(flags.to_le_bytes());
        entry.extend(domid.to_le_bytes());
        entry.extend(frame.to_le_bytes());
        table.frame(0).unwrap().write(8, &entry);
        table
    }

    #[test]
    fn the_entrys_bytes_decide() {
        let table = [
            (PERMIT_ACCESS, 0, true, Some(0xfeffc)),
            (PERMIT_ACCESS | READONLY, 0, true, None),
            (PERMIT_ACCESS | READONLY, 0, false, Some(0xfeffc)),
            (PERMIT_ACCESS, 3, true, None),
            (2, 0, true, None),
            (0, 0, false, None),
        ];
        for (flags, domid, write, expected) in table {
            assert_eq!(table_with(flags, domid, 0xfeffc).permits(GrantRef(1), DomId(0), write), expected, "flags {flags}, domid {domid}");
        }
    }

    #[test]
    fn a_mapping_shows_in_the_entry() {
        let mut table = table_with(PERMIT_ACCESS, 0, 5);
        table.pin(GrantRef(1), true);
        table.pin(GrantRef(1), false);
        assert_eq!(table.entry(GrantRef(1)).unwrap().0, PERMIT_ACCESS | READING | WRITING);
        table.unpin(GrantRef(1), true);
        assert_eq!(table.entry(GrantRef(1)).unwrap().0, PERMIT_ACCESS | READING);
        table.unpin(GrantRef(1), false);
        assert_eq!(table.entry(GrantRef(1)).unwrap().0, PERMIT_ACCESS);
        assert!(table.uses.is_empty());
    }

    #[test]
    fn the_table_grows_to_its_limit() {
        let mut table = GrantTable::new(2);
        assert!(table.entry(GrantRef(512)).is_none());
        assert!(table.frame(1).is_ok());
        assert_eq!(table.entry(GrantRef(512)), Some((0, DomId(0), 0)));
        assert_eq!(table.frame(2).err(), Some(Errno::EINVAL));
    }
}
