//! A kernel image that is ready to be streamed into guest memory: its headers understood, its bytes still in the file.

use std::fs::File;
use std::io;
use std::sync::Arc;

use super::elf::{self, ElfError, FileRange, LoadSegment};
use super::notes::{NoteError, XenNotes};
use super::source::Source;

/// The most bytes of notes that are read; Linux has less than a kilobyte.
const MAX_NOTE_BYTES: u64 = 1 << 20;

/// What a domain's layout needs to know of its kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelInfo {
    /// What goes where, in guest physical memory below 4 GiB; at least one.
    pub segments: Vec<LoadSegment>,
    /// Where vcpu 0 begins, within one of the segments.
    pub entry: u32,
    /// The kernel, or one that it starts in its place, searches the ACPI root below 1 MiB: it is Linux.
    pub wants_low_rsdp: bool,
}

impl KernelInfo {
    /// The first physical address that the kernel takes.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.segments.iter().map(|s| s.paddr).min().unwrap_or(0)
    }

    /// The first physical address after the kernel.
    #[must_use]
    pub fn end(&self) -> u64 {
        let end = |s: &LoadSegment| s.paddr + s.memory_bytes;
        self.segments.iter().map(end).max().unwrap_or(0)
    }
}

/// Why an image is no kernel for a PVH domain.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// It is no loadable ELF image.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// It does not start as PVH.
    #[error(transparent)]
    Note(#[from] NoteError),
}

/// Reads the headers and notes of an ELF image.
pub fn inspect<S: Source + ?Sized>(image: &S) -> Result<KernelInfo, KernelError> {
    let elf = elf::parse(image)?;
    let mut notes = XenNotes::default();
    absorb(image, &elf.note_segments, &mut notes)?;
    // Sections are the second choice, as for Xen's own builders: PT_NOTE is what survives stripping.
    if !notes.any {
        absorb(image, &elf.note_sections, &mut notes)?;
    }
    let entry = notes.pvh_entry()?;
    let outside = NoteError::EntryOutside { entry };
    let holds = |s: &&LoadSegment| (s.paddr..s.paddr + s.memory_bytes).contains(&entry);
    elf.segments.iter().find(holds).ok_or(outside.clone())?;
    Ok(KernelInfo { segments: elf.segments, entry: u32::try_from(entry).map_err(|_| outside)?, wants_low_rsdp: notes.wants_low_rsdp() })
}

fn absorb<S: Source + ?Sized>(image: &S, ranges: &[FileRange], notes: &mut XenNotes) -> Result<(), ElfError> {
    let mut left = MAX_NOTE_BYTES;
    for range in ranges {
        left = left.checked_sub(range.bytes).ok_or_else(|| ElfError::Corrupt(format!("more than {MAX_NOTE_BYTES} bytes of notes")))?;
        let mut bytes = vec![0; range.bytes as usize];
        image.read_exact_at(range.offset, &mut bytes)?;
        notes.absorb(&bytes);
    }
    Ok(())
}

/// A kernel of which the headers are known and the bytes are in a file: the user's own, or one of the cache.
#[derive(Clone, Debug)]
pub struct KernelImage {
    info: KernelInfo,
    file: Arc<File>,
}

impl KernelImage {
    /// Inspects a file that holds an ELF image.
    pub fn from_file(file: File) -> Result<KernelImage, KernelError> {
        Ok(KernelImage { info: inspect(&file)?, file: Arc::new(file) })
    }

    /// What the headers say.
    #[must_use]
    pub fn info(&self) -> &KernelInfo {
        &self.info
    }

    /// Fills the buffer from an offset of the image on; `UnexpectedEof` if the file has shrunk meanwhile.
    pub fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.as_ref().read_exact_at(offset, into)
    }
}

/// A file that goes into guest memory as it is.
#[derive(Clone, Debug)]
pub struct Initrd {
    bytes: u64,
    file: Arc<File>,
}

impl Initrd {
    /// Takes an open file; its length is fixed from now on.
    pub fn from_file(file: File) -> io::Result<Initrd> {
        Ok(Initrd { bytes: file.bytes()?, file: Arc::new(file) })
    }

    /// Length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Fills the buffer from an offset on; `UnexpectedEof` if the file has shrunk meanwhile.
    pub fn read_exact_at(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.as_ref().read_exact_at(offset, into)
    }
}
