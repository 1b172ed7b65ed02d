//! Memory that others may change: an owned `mmap` region, reached by volatile copies only.
//!
//! ```text
//!   Mapping::of_node(fd, offset, length)      device pages: foreign frames, grants, the store's ring, argument pages
//!   Mapping::anonymous(length)                locked, do-not-fork pages for hypercall arguments
//!        | read, write, zero, load_u32, store_u32      bounds checked first, then volatile words of 8 bytes and single bytes
//!        v drop
//!      munmap
//! ```
//!
//! The crate's top holds the safety chapter.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::{Ordering, fence};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mlock, mmap, mmap_anonymous, munmap};
use xen_abi::names::PAGE_SIZE;
use xen_hv::{Access, SharedPages};

const WORD: usize = size_of::<u64>();

/// A mapped region, unmapped on drop.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    length: usize,
    writable: bool,
}

// SAFETY: the region belongs to this value alone and is not bound to a thread; the pointer is never shared, since the type is not `Sync`.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps `length` bytes (rounded up to pages, at least one) of a node from `offset` on.
    pub fn of_node(node: impl AsFd, offset: u64, length: usize, access: Access) -> rustix::io::Result<Mapping> {
        let length = whole_pages(length)?;
        let protection = match access {
            Access::Read => ProtFlags::READ,
            Access::ReadWrite => ProtFlags::READ | ProtFlags::WRITE,
        };
        // SAFETY: needed to reach device pages. The hint is null, so that the kernel picks free addresses and no existing mapping changes.
        let base = unsafe { mmap(ptr::null_mut(), length, protection, MapFlags::SHARED, node, offset)? };
        Mapping::adopt(base, length, access == Access::ReadWrite)
    }

    /// Maps private anonymous pages that stay in memory and are not copied into a child: what a hypercall can read without faulting, as far
    /// as Linux promises it.
    pub fn anonymous(length: usize) -> rustix::io::Result<Mapping> {
        let length = whole_pages(length)?;
        // SAFETY: needed for pages with a known place. The hint is null, as above.
        let base = unsafe { mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)? };
        let mapping = Mapping::adopt(base, length, true)?;
        // SAFETY: the range is exactly the region just mapped, and keeping it out of children changes nothing for this process.
        unsafe { madvise(mapping.raw(), length, Advice::LinuxDontFork)? };
        // SAFETY: the same range; locking changes no contents.
        unsafe { mlock(mapping.raw(), length)? };
        // Each page is written once, so that none is still the shared zero page or copy-on-write from a fork of another thread.
        let _ = mapping.zero(0, length);
        Ok(mapping)
    }

    fn adopt(base: *mut c_void, length: usize, writable: bool) -> rustix::io::Result<Mapping> {
        let base = NonNull::new(base.cast()).ok_or(rustix::io::Errno::NOMEM)?;
        Ok(Mapping { base, length, writable })
    }

    fn raw(&self) -> *mut c_void {
        self.base.as_ptr().cast()
    }

    /// Where the region begins, for a structure handed to the kernel or to Xen. The number must not leave the crate.
    pub fn address(&self) -> u64 {
        self.base.as_ptr().expose_provenance() as u64
    }

    /// The pointer to `offset`, after checking that `length` bytes from there lie inside.
    fn at(&self, offset: usize, length: usize) -> io::Result<*mut u8> {
        match offset.checked_add(length) {
            Some(end) if end <= self.length => Ok(self.base.as_ptr().wrapping_add(offset)),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{length} bytes at offset {offset} lie outside a mapping of {} bytes", self.length),
            )),
        }
    }

    fn at_writable(&self, offset: usize, length: usize) -> io::Result<*mut u8> {
        if !self.writable {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the mapping is read only"));
        }
        self.at(offset, length)
    }

    fn at_word(&self, offset: usize, write: bool) -> io::Result<*mut u32> {
        if !offset.is_multiple_of(size_of::<u32>()) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("offset {offset} is not that of an aligned word")));
        }
        let place = if write { self.at_writable(offset, 4)? } else { self.at(offset, 4)? };
        Ok(place.cast())
    }
}

impl SharedPages for Mapping {
    fn len(&self) -> usize {
        self.length
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        let from = self.at(offset, into.len())?;
        let head = from.align_offset(WORD).min(into.len());
        let (first, rest) = into.split_at_mut(head);
        let (words, last) = rest.as_chunks_mut::<WORD>();
        let middle = from.wrapping_add(head);
        let tail = middle.wrapping_add(words.len() * WORD);
        read_bytes(from, first);
        for (index, word) in words.iter_mut().enumerate() {
            let place = middle.cast::<u64>().wrapping_add(index);
            // SAFETY: `at` checked the whole range, and `head` bytes on the place is aligned to a word.
            *word = unsafe { place.read_volatile() }.to_ne_bytes();
        }
        read_bytes(tail, last);
        Ok(())
    }

    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        let to = self.at_writable(offset, from.len())?;
        let head = to.align_offset(WORD).min(from.len());
        let (first, rest) = from.split_at(head);
        let (words, last) = rest.as_chunks::<WORD>();
        let middle = to.wrapping_add(head);
        let tail = middle.wrapping_add(words.len() * WORD);
        write_bytes(to, first.iter().copied());
        for (index, word) in words.iter().enumerate() {
            let place = middle.cast::<u64>().wrapping_add(index);
            // SAFETY: `at_writable` checked the whole range, and `head` bytes on the place is aligned to a word.
            unsafe { place.write_volatile(u64::from_ne_bytes(*word)) };
        }
        write_bytes(tail, last.iter().copied());
        Ok(())
    }

    fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
        let to = self.at_writable(offset, length)?;
        let head = to.align_offset(WORD).min(length);
        let words = (length - head) / WORD;
        let middle = to.wrapping_add(head);
        write_bytes(to, std::iter::repeat_n(0, head));
        for index in 0..words {
            let place = middle.cast::<u64>().wrapping_add(index);
            // SAFETY: as in `write`.
            unsafe { place.write_volatile(0) };
        }
        write_bytes(middle.wrapping_add(words * WORD), std::iter::repeat_n(0, length - head - words * WORD));
        Ok(())
    }

    fn load_u32(&self, offset: usize) -> io::Result<u32> {
        let place = self.at_word(offset, false)?;
        // SAFETY: the place is inside, aligned and readable.
        let value = unsafe { place.read_volatile() };
        fence(Ordering::Acquire);
        Ok(value)
    }

    fn store_u32(&self, offset: usize, value: u32) -> io::Result<()> {
        let place = self.at_word(offset, true)?;
        fence(Ordering::Release);
        // SAFETY: the place is inside, aligned and writable.
        unsafe { place.write_volatile(value) };
        Ok(())
    }

    fn barrier(&self) {
        fence(Ordering::SeqCst);
    }
}

/// Reads fewer than a word's bytes; the caller has checked that all of them lie inside the region.
fn read_bytes(from: *const u8, into: &mut [u8]) {
    for (index, byte) in into.iter_mut().enumerate() {
        // SAFETY: private to this module, whose callers pass a checked range.
        *byte = unsafe { from.wrapping_add(index).read_volatile() };
    }
}

/// Writes fewer than a word's bytes; the caller has checked that all of them lie inside the writable region.
fn write_bytes(to: *mut u8, from: impl Iterator<Item = u8>) {
    for (index, byte) in from.enumerate() {
        // SAFETY: private to this module, whose callers pass a checked range.
        unsafe { to.wrapping_add(index).write_volatile(byte) };
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the region is ours, and no pointer into it outlives its owner. The call fails only for arguments that `mmap` would not have
        // returned, and there is nothing to do about it here.
        let _ = unsafe { munmap(self.raw(), self.length) };
    }
}

fn whole_pages(length: usize) -> rustix::io::Result<usize> {
    length.max(1).checked_next_multiple_of(PAGE_SIZE).ok_or(rustix::io::Errno::INVAL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    fn memfd(pages: usize) -> File {
        let file = memfd_create("pages", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, (pages * PAGE_SIZE) as u64).unwrap();
        File::from(file)
    }

    #[test]
    fn copies_arrive_whatever_their_alignment() {
        let file = memfd(2);
        let pages = Mapping::of_node(&file, 0, 2 * PAGE_SIZE, Access::ReadWrite).unwrap();
        let bytes: Vec<u8> = (1..=60).collect();
        for offset in [0, 1, 3, 7, 8, PAGE_SIZE - 5, 2 * PAGE_SIZE - 60] {
            for length in [0, 1, 2, 7, 8, 9, 16, 31, 60] {
                pages.zero(0, 2 * PAGE_SIZE).unwrap();
                pages.write(offset, &bytes[..length]).unwrap();
                let mut seen = vec![0xff; 2 * PAGE_SIZE];
                file.read_exact_at(&mut seen, 0).unwrap();
                let mut expected = vec![0; 2 * PAGE_SIZE];
                expected[offset..offset + length].copy_from_slice(&bytes[..length]);
                assert_eq!(seen, expected, "write of {length} at {offset}");
                let mut back = vec![0xff; length];
                pages.read(offset, &mut back).unwrap();
                assert_eq!(back, bytes[..length], "read of {length} at {offset}");
            }
        }
    }

    #[test]
    fn zero_touches_only_its_range() {
        let file = memfd(1);
        let pages = Mapping::of_node(&file, 0, PAGE_SIZE, Access::ReadWrite).unwrap();
        for (offset, length) in [(0, 1), (1, 7), (5, 30), (8, 16), (4000, 96), (100, 0)] {
            pages.write(0, &[0xaa; PAGE_SIZE]).unwrap();
            pages.zero(offset, length).unwrap();
            let mut seen = vec![0; PAGE_SIZE];
            pages.read(0, &mut seen).unwrap();
            for (index, byte) in seen.iter().enumerate() {
                let zeroed = (offset..offset + length).contains(&index);
                assert_eq!(*byte, if zeroed { 0 } else { 0xaa }, "{offset}+{length} at {index}");
            }
        }
    }

    #[test]
    fn two_mappings_of_one_page_see_each_other() {
        let file = memfd(1);
        let ours = Mapping::of_node(&file, 0, PAGE_SIZE, Access::ReadWrite).unwrap();
        let theirs = Mapping::of_node(&file, 0, PAGE_SIZE, Access::Read).unwrap();
        ours.store_u32(3084, 0xdead_beef).unwrap();
        ours.barrier();
        assert_eq!(theirs.load_u32(3084).unwrap(), 0xdead_beef);
    }

    #[test]
    fn accesses_outside_or_not_allowed_are_refused() {
        let file = memfd(1);
        let pages = Mapping::of_node(&file, 0, 100, Access::Read).unwrap();
        assert_eq!(pages.len(), PAGE_SIZE, "lengths are whole pages");
        let refused: [(&str, io::Result<()>); 7] = [
            ("past the end", pages.read(PAGE_SIZE - 1, &mut [0; 2])),
            ("overflow", pages.read(usize::MAX, &mut [0; 2])),
            ("word past the end", pages.load_u32(PAGE_SIZE).map(drop)),
            ("unaligned word", pages.load_u32(2).map(drop)),
            ("write", pages.write(0, &[1])),
            ("zero", pages.zero(0, 1)),
            ("store", pages.store_u32(0, 1)),
        ];
        for (name, result) in refused {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
        }
    }

    #[test]
    fn anonymous_pages_are_locked_and_zero() {
        let pages = Mapping::anonymous(PAGE_SIZE + 1).unwrap();
        assert_eq!(pages.len(), 2 * PAGE_SIZE);
        let mut seen = vec![1; 2 * PAGE_SIZE];
        pages.read(0, &mut seen).unwrap();
        assert!(seen.iter().all(|byte| *byte == 0));
        let flags = flags_at(pages.address());
        assert!(flags.contains(" lo") && flags.contains(" dc"), "{flags}");
    }

    /// The kernel's flags of the area that holds an address; neighbours may have grown together with it.
    fn flags_at(address: u64) -> String {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in smaps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let hex = |text| u64::from_str_radix(text, 16);
            if let Some((Ok(start), Ok(end))) = range.map(|(start, end)| (hex(start), hex(end))) {
                inside = (start..end).contains(&address);
            } else if let (true, Some(flags)) = (inside, line.strip_prefix("VmFlags:")) {
                return flags.to_owned();
            }
        }
        panic!("no area holds {address:#x}");
    }

    #[test]
    fn dropping_unmaps() {
        let file = memfd_create("dropping-unmaps", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&file, PAGE_SIZE as u64).unwrap();
        let mapped = || std::fs::read_to_string("/proc/self/maps").unwrap().contains("dropping-unmaps");
        let pages = Mapping::of_node(&file, 0, PAGE_SIZE, Access::Read).unwrap();
        assert!(mapped());
        drop(pages);
        assert!(!mapped());
    }
}
