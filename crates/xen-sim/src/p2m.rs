//! A domain's physical address space: which gfns have memory behind them, and the pages that somebody touched.
//!
//! ```text
//!   ranges   [0, 0xfc000) [0x100000, 0x80100000)    what populate_physmap gave: costs nothing per page
//!   touched  0x1000 -> Page, 0xfeffc -> Page         only what was ever mapped, written or run
//!   promised 0x8000, 0x8001                          populated on demand: memory comes when one is touched
//!   special  0xfef00 -> Page                         grant frames and the like, put there by add_to_physmap
//! ```
//!
//! So a domain of terabytes is two numbers. The tables that the hardware would walk are counted, since they come from the paging pool.

use std::collections::{BTreeMap, BTreeSet};

use crate::heap::{ORDER_1GIB, ORDER_2MIB};
use crate::page::Page;

/// The map from gfn to memory.
#[derive(Debug, Default)]
pub(crate) struct P2m {
    /// Start to end, end excluded; ranges neither touch nor overlap.
    ranges: BTreeMap<u64, u64>,
    touched: BTreeMap<u64, Page>,
    special: BTreeMap<u64, Page>,
    promised: BTreeSet<u64>,
    /// The tables in use, by level and index: level 1 maps 2 MiB, 2 maps 1 GiB, 3 maps 512 GiB.
    tables: BTreeSet<(u8, u64)>,
    /// The 2 MiB range that was last mapped by single pages: its tables are there, and the next page mostly lies in it too.
    recent: Option<u64>,
}

impl P2m {
    /// Whether a gfn has memory behind it.
    pub(crate) fn populated(&self, gfn: u64) -> bool {
        self.special.contains_key(&gfn) || self.range_of(gfn).is_some()
    }

    fn range_of(&self, gfn: u64) -> Option<(u64, u64)> {
        let (start, end) = self.ranges.range(..=gfn).next_back()?;
        (gfn < *end).then_some((*start, *end))
    }

    /// Whether every gfn of a range (end excluded) has memory behind it, or gets it when it is touched.
    pub(crate) fn covers(&self, mut gfn: u64, end: u64) -> bool {
        while gfn < end {
            gfn = match self.range_of(gfn) {
                Some((_, after)) => after,
                None if self.special.contains_key(&gfn) || self.promised.contains(&gfn) => gfn + 1,
                None => return false,
            };
        }
        true
    }

    /// The page at a gfn, made on first touch.
    pub(crate) fn page(&mut self, gfn: u64) -> Option<Page> {
        if let Some(page) = self.special.get(&gfn) {
            return Some(page.clone());
        }
        self.range_of(gfn)?;
        Some(self.touched.entry(gfn).or_insert_with(Page::zeroed).clone())
    }

    /// The page at a gfn if somebody touched it: an untouched one reads as zero.
    pub(crate) fn touched(&self, gfn: u64) -> Option<&Page> {
        self.special.get(&gfn).or_else(|| self.touched.get(&gfn))
    }

    /// The tables that mapping `2^order` pages at `gfn` would add to those in use.
    pub(crate) fn missing_tables(&self, gfn: u64, order: u32) -> Vec<(u8, u64)> {
        if order == 0 && self.recent == Some(gfn >> 9) {
            return Vec::new();
        }
        let aligned = gfn & ((1 << order) - 1) == 0;
        let last = gfn + (1 << order) - 1;
        let mut wanted = vec![(3, gfn >> 27), (3, last >> 27)];
        if order < ORDER_1GIB || !aligned {
            wanted.extend((gfn >> 18..=last >> 18).map(|index| (2, index)));
        }
        if order < ORDER_2MIB || !aligned {
            wanted.extend((gfn >> 9..=last >> 9).map(|index| (1, index)));
        }
        wanted.dedup();
        wanted.retain(|table| !self.tables.contains(table));
        wanted
    }

    /// How many tables are in use.
    pub(crate) fn table_count(&self) -> u64 {
        self.tables.len() as u64
    }

    /// Puts memory behind `2^order` gfns. What was mapped there before is forgotten, as in Xen.
    pub(crate) fn add(&mut self, gfn: u64, order: u32) {
        let end = gfn + (1 << order);
        let tables = self.missing_tables(gfn, order);
        self.tables.extend(tables);
        self.recent = if order == 0 { Some(gfn >> 9) } else { self.recent };
        self.forget(gfn, end);
        let mut merged = (gfn, end);
        if let Some((start, _)) = gfn.checked_sub(1).and_then(|before| self.range_of(before)) {
            merged.0 = start;
        }
        if let Some((_, after)) = self.range_of(end) {
            self.ranges.remove(&end);
            merged.1 = after;
        }
        self.ranges.insert(merged.0, merged.1);
    }

    /// Promises memory to a gfn that has none.
    pub(crate) fn promise(&mut self, gfn: u64) {
        let tables = self.missing_tables(gfn, 0);
        self.tables.extend(tables);
        self.promised.insert(gfn);
    }

    /// Takes a promise back; tells whether there was one.
    pub(crate) fn break_promise(&mut self, gfn: u64) -> bool {
        self.promised.remove(&gfn)
    }

    /// Whether a gfn gets memory when it is touched.
    pub(crate) fn is_promised(&self, gfn: u64) -> bool {
        self.promised.contains(&gfn)
    }

    /// How many gfns do.
    pub(crate) fn promises(&self) -> u64 {
        self.promised.len() as u64
    }

    /// Puts a page of Xen's own behind a gfn.
    pub(crate) fn add_special(&mut self, gfn: u64, page: Page) {
        let tables = self.missing_tables(gfn, 0);
        self.tables.extend(tables);
        self.special.insert(gfn, page);
    }

    /// Takes the memory behind one gfn away; tells whether it was the domain's own.
    pub(crate) fn remove(&mut self, gfn: u64) -> Option<Removed> {
        if self.special.remove(&gfn).is_some() {
            return Some(Removed::Special);
        }
        self.range_of(gfn)?;
        self.forget(gfn, gfn + 1);
        Some(Removed::Own)
    }

    /// Takes everything away, and tells nothing.
    pub(crate) fn clear(&mut self) {
        *self = P2m::default();
    }

    /// The highest gfn with memory behind it, or promised.
    pub(crate) fn highest(&self) -> Option<u64> {
        let own = self.ranges.last_key_value().map(|(_, end)| end - 1);
        own.max(self.promised.last().copied()).max(self.special.last_key_value().map(|(gfn, _)| *gfn))
    }

    fn forget(&mut self, start: u64, end: u64) {
        let overlapping: Vec<(u64, u64)> =
            self.ranges.range(..end).rev().take_while(|(_, last)| **last > start).map(|(first, last)| (*first, *last)).collect();
        for (first, last) in overlapping {
            self.ranges.remove(&first);
            if first < start {
                self.ranges.insert(first, start);
            }
            if last > end {
                self.ranges.insert(end, last);
            }
        }
        let touched: Vec<u64> = self.touched.range(start..end).map(|(gfn, _)| *gfn).collect();
        for gfn in touched {
            self.touched.remove(&gfn);
        }
        let promised: Vec<u64> = self.promised.range(start..end).copied().collect();
        for gfn in promised {
            self.promised.remove(&gfn);
        }
    }
}

/// What a gfn held before it was emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removed {
    /// A page of the domain's own memory.
    Own,
    /// A page of Xen's.
    Special,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_merge_split_and_stay_cheap() {
        let mut p2m = P2m::default();
        for gib in 0..4096 {
            p2m.add(gib << 18, ORDER_1GIB);
        }
        assert_eq!((p2m.ranges.len(), p2m.touched.len(), p2m.table_count()), (1, 0, 8));
        assert_eq!(p2m.remove(7), Some(Removed::Own));
        assert_eq!(p2m.remove(7), None);
        assert_eq!(p2m.ranges.len(), 2);
        for (gfn, expected) in [(6, true), (7, false), (8, true), ((4096 << 18) - 1, true), (4096 << 18, false)] {
            assert_eq!(p2m.populated(gfn), expected, "gfn {gfn:#x}");
        }
        p2m.add(7, 0);
        assert_eq!(p2m.ranges.len(), 1);
        assert_eq!(p2m.highest(), Some((4096 << 18) - 1));
    }

    #[test]
    fn a_page_is_one_page_until_it_is_populated_again() {
        let mut p2m = P2m::default();
        p2m.add(16, 2);
        let (one, other) = (p2m.page(17).unwrap(), p2m.page(17).unwrap());
        one.write(5, b"xen");
        let mut read = [0; 3];
        other.read(5, &mut read);
        assert_eq!(&read, b"xen");
        p2m.add(17, 0);
        assert!(p2m.touched(17).is_none());
        assert!(p2m.page(20).is_none());
    }

    #[test]
    fn small_pages_need_tables() {
        let p2m = P2m::default();
        for (gfn, order, expected) in [(0, 18, 1), (0, 9, 2), (0, 0, 3), (1 << 18, 18, 1), (1, 9, 4), (511, 1, 4)] {
            assert_eq!(p2m.missing_tables(gfn, order).len(), expected, "gfn {gfn:#x}, order {order}");
        }
    }
}
