//! A mapping as its holder sees it: copies in and out of pages that others hold as well.
//!
//! ```text
//!   bytes 4000..4200 of the mapping -> page 0 at 4000 (96 bytes), page 1 at 0 (104 bytes)
//! ```
//!
//! What lies outside is refused whole, before anything is touched.

use std::io;
use std::sync::atomic::{Ordering, fence};

use xen_abi::names::PAGE_SIZE;
use xen_hv::{Access, SharedPages};

use crate::machine::Machine;
use crate::page::Page;

/// The pages of a mapping; dropping it unmaps.
pub(crate) struct MappedPages {
    machine: Machine,
    id: u64,
    pages: Vec<Page>,
    access: Access,
}

impl MappedPages {
    pub(crate) fn new(machine: Machine, id: u64, pages: Vec<Page>, access: Access) -> MappedPages {
        MappedPages { machine, id, pages, access }
    }

    /// Splits a range into page, offset within it and the part of the range; refuses what is outside.
    fn pieces(&self, offset: usize, length: usize) -> io::Result<impl Iterator<Item = (&Page, usize, std::ops::Range<usize>)>> {
        let outside =
            || io::Error::new(io::ErrorKind::InvalidInput, format!("{length} bytes at {offset} lie outside a mapping of {}", self.len()));
        let end = offset.checked_add(length).filter(|end| *end <= self.len()).ok_or_else(outside)?;
        Ok((offset / PAGE_SIZE..end.div_ceil(PAGE_SIZE)).filter_map(move |index| {
            let start = (index * PAGE_SIZE).max(offset);
            let stop = ((index + 1) * PAGE_SIZE).min(end);
            (start < stop).then(|| self.pages.get(index).map(|page| (page, start % PAGE_SIZE, start - offset..stop - offset)))?
        }))
    }

    fn writable(&self) -> io::Result<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::Read => Err(io::Error::new(io::ErrorKind::PermissionDenied, "the mapping is read only")),
        }
    }

    fn word(&self, offset: usize) -> io::Result<(&Page, usize)> {
        if !offset.is_multiple_of(4) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("offset {offset} is not aligned to a word")));
        }
        let piece = self.pieces(offset, 4)?.next().map(|(page, at, _)| (page, at));
        piece.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
    }
}

impl SharedPages for MappedPages {
    fn len(&self) -> usize {
        self.pages.len() * PAGE_SIZE
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        for (page, at, part) in self.pieces(offset, into.len())? {
            if let Some(into) = into.get_mut(part) {
                page.read(at, into);
            }
        }
        Ok(())
    }

    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        self.writable()?;
        for (page, at, part) in self.pieces(offset, from.len())? {
            if let Some(from) = from.get(part) {
                page.write(at, from);
            }
        }
        Ok(())
    }

    fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
        self.writable()?;
        for (page, at, part) in self.pieces(offset, length)? {
            page.zero(at, part.len());
        }
        Ok(())
    }

    fn load_u32(&self, offset: usize) -> io::Result<u32> {
        self.word(offset).map(|(page, at)| page.load_u32(at))
    }

    fn store_u32(&self, offset: usize, value: u32) -> io::Result<()> {
        self.writable()?;
        self.word(offset).map(|(page, at)| page.store_u32(at, value))
    }

    fn barrier(&self) {
        fence(Ordering::SeqCst);
    }
}

impl Drop for MappedPages {
    fn drop(&mut self) {
        self.machine.lock().unmap(self.id);
    }
}
