//! The ELF reader: physical load ranges and note ranges, nothing else.
//!
//! ```text
//!   file header --> program headers --> PT_LOAD   where bytes go in guest memory
//!        |                         \--> PT_NOTE   where Xen's notes may be
//!        +--------> section headers --> SHT_NOTE  where they may be otherwise
//! ```
//!
//! Both classes, little-endian, x86. Only headers are read; every offset and length is checked against the file before use.

use std::io;

use super::source::Source;

/// Upper bound for the tables that are read at all: program headers, and section headers (object files with a section per function aside,
/// kernels have fewer than a hundred).
const MAX_PROGRAM_HEADERS: u64 = 512;
const MAX_SECTION_HEADERS: u64 = 16384;
/// The end of what a PVH start can reach: the kernel is entered in 32-bit mode without paging.
const FOUR_GIB: u64 = 1 << 32;

/// A run of bytes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRange {
    /// Offset in the file.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// A PT_LOAD segment: what to copy, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadSegment {
    /// The bytes to copy.
    pub file: FileRange,
    /// Where they go in guest physical memory.
    pub paddr: u64,
    /// How much memory the segment takes; what the file does not give is zero.
    pub memory_bytes: u64,
}

/// What the headers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elf {
    /// PT_LOAD segments with memory, in the file's order; at least one.
    pub segments: Vec<LoadSegment>,
    /// PT_NOTE ranges.
    pub note_segments: Vec<FileRange>,
    /// SHT_NOTE ranges.
    pub note_sections: Vec<FileRange>,
}

/// Why a file is no loadable ELF image.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The file ends before something that its headers promise.
    #[error("truncated ELF image: {what} should lie at {offset:#x} with {bytes} bytes, the image has {image_bytes}; get an undamaged copy")]
    Truncated {
        /// What is cut off.
        what: &'static str,
        /// Where it should begin.
        offset: u64,
        /// How long it should be, in bytes.
        bytes: u64,
        /// How long the image is, in bytes.
        image_bytes: u64,
    },
    /// A header contradicts itself.
    #[error("corrupt ELF image: {0}; get an undamaged copy")]
    Corrupt(String),
    /// A good ELF image, but not one for a 32 or 64 bit x86 domain.
    #[error("unsuitable ELF image: {0}; a PVH domain needs an x86 kernel (vmlinux or bzImage)")]
    Unsuitable(String),
    /// The file could not be read.
    #[error("cannot read the image: {0}")]
    Read(#[from] io::Error),
}

/// Offsets of the fields, per class (the ELF specification, `Elf32_*` and `Elf64_*`).
struct Class {
    wide: bool,
    header_bytes: usize,
    phoff: usize,
    shoff: usize,
    phentsize: usize,
    program_header_bytes: u64,
    section_header_bytes: u64,
    p_offset: usize,
    p_paddr: usize,
    p_filesz: usize,
    p_memsz: usize,
    sh_offset: usize,
    sh_size: usize,
}

const ELF32: Class = Class {
    wide: false,
    header_bytes: 52,
    phoff: 28,
    shoff: 32,
    phentsize: 42,
    program_header_bytes: 32,
    section_header_bytes: 40,
    p_offset: 4,
    p_paddr: 12,
    p_filesz: 16,
    p_memsz: 20,
    sh_offset: 16,
    sh_size: 20,
};

const ELF64: Class = Class {
    wide: true,
    header_bytes: 64,
    phoff: 32,
    shoff: 40,
    phentsize: 54,
    program_header_bytes: 56,
    section_header_bytes: 64,
    p_offset: 8,
    p_paddr: 24,
    p_filesz: 32,
    p_memsz: 40,
    sh_offset: 24,
    sh_size: 32,
};

const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const SHT_NOTE: u32 = 7;

/// A header's bytes; a read past its end gives zero, which no check lets through where it matters.
struct Header<'a>(&'a [u8]);

impl Header<'_> {
    fn byte(&self, offset: usize) -> u8 {
        self.0.get(offset).copied().unwrap_or(0)
    }
    fn half(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.byte(offset), self.byte(offset + 1)])
    }
    fn word(&self, offset: usize) -> u32 {
        u32::from(self.half(offset)) | u32::from(self.half(offset + 2)) << 16
    }
    fn address(&self, offset: usize, class: &Class) -> u64 {
        let low = u64::from(self.word(offset));
        if class.wide { low | u64::from(self.word(offset + 4)) << 32 } else { low }
    }
}

/// Reads the headers of an image.
pub fn parse<S: Source + ?Sized>(image: &S) -> Result<Elf, ElfError> {
    let image_bytes = image.bytes()?;
    let mut ident = [0; 16];
    read(image, image_bytes, "the file header", 0, &mut ident)?;
    let class = class_of(&ident)?;
    let mut header = vec![0; class.header_bytes];
    read(image, image_bytes, "the file header", 0, &mut header)?;
    let header = Header(&header);
    check_kind(&header)?;

    let mut elf = Elf { segments: Vec::new(), note_segments: Vec::new(), note_sections: Vec::new() };
    program_headers(image, image_bytes, &class, &header, &mut elf)?;
    section_headers(image, image_bytes, &class, &header, &mut elf)?;
    if elf.segments.is_empty() {
        return Err(ElfError::Unsuitable("no segment to load".into()));
    }
    Ok(elf)
}

fn class_of(ident: &[u8; 16]) -> Result<Class, ElfError> {
    let [m0, m1, m2, m3, class, data, version, ..] = *ident;
    if [m0, m1, m2, m3] != *b"\x7fELF" {
        return Err(ElfError::Unsuitable("it has no ELF magic".into()));
    }
    if data != 1 {
        return Err(ElfError::Unsuitable("its bytes are big-endian".into()));
    }
    match (class, version) {
        (1, 1) => Ok(ELF32),
        (2, 1) => Ok(ELF64),
        _ => Err(ElfError::Corrupt(format!("class {class} version {version}"))),
    }
}

fn check_kind(header: &Header<'_>) -> Result<(), ElfError> {
    const ET_EXEC: u16 = 2;
    const ET_DYN: u16 = 3;
    const EM_386: u16 = 3;
    const EM_X86_64: u16 = 62;
    let (kind, machine) = (header.half(16), header.half(18));
    if kind != ET_EXEC && kind != ET_DYN {
        return Err(ElfError::Unsuitable(format!("type {kind} is no executable")));
    }
    if machine != EM_386 && machine != EM_X86_64 {
        return Err(ElfError::Unsuitable(format!("it is for machine {machine}")));
    }
    Ok(())
}

fn program_headers<S: Source + ?Sized>(
    image: &S,
    image_bytes: u64,
    class: &Class,
    header: &Header<'_>,
    elf: &mut Elf,
) -> Result<(), ElfError> {
    let table = Table {
        what: "the program header table",
        offset: header.address(class.phoff, class),
        entry_bytes: u64::from(header.half(class.phentsize)),
        least_entry_bytes: class.program_header_bytes,
        entries: u64::from(header.half(class.phentsize + 2)),
        most_entries: MAX_PROGRAM_HEADERS,
    };
    for entry in table.read(image, image_bytes)?.chunks_exact(table.step()) {
        let entry = Header(entry);
        let file = FileRange { offset: entry.address(class.p_offset, class), bytes: entry.address(class.p_filesz, class) };
        match entry.word(0) {
            PT_LOAD => elf.segments.extend(load_segment(
                file,
                entry.address(class.p_paddr, class),
                entry.address(class.p_memsz, class),
                image_bytes,
            )?),
            PT_NOTE => elf.note_segments.push(inside(file, "a note segment", image_bytes)?),
            _ => {}
        }
    }
    Ok(())
}

fn load_segment(file: FileRange, paddr: u64, memory_bytes: u64, image_bytes: u64) -> Result<Option<LoadSegment>, ElfError> {
    if memory_bytes == 0 {
        return Ok(None);
    }
    if file.bytes > memory_bytes {
        return Err(ElfError::Corrupt(format!("a segment of {memory_bytes} bytes of memory has {} bytes in the file", file.bytes)));
    }
    let file = inside(file, "a loadable segment", image_bytes)?;
    match paddr.checked_add(memory_bytes) {
        Some(end) if end <= FOUR_GIB => Ok(Some(LoadSegment { file, paddr, memory_bytes })),
        _ => Err(ElfError::Unsuitable(format!("a segment at {paddr:#x} with {memory_bytes} bytes ends above 4 GiB"))),
    }
}

fn section_headers<S: Source + ?Sized>(
    image: &S,
    image_bytes: u64,
    class: &Class,
    header: &Header<'_>,
    elf: &mut Elf,
) -> Result<(), ElfError> {
    let offset = header.address(class.shoff, class);
    let table = Table {
        what: "the section header table",
        offset,
        entry_bytes: u64::from(header.half(class.phentsize + 4)),
        least_entry_bytes: class.section_header_bytes,
        entries: u64::from(header.half(class.phentsize + 6)),
        most_entries: MAX_SECTION_HEADERS,
    };
    if offset == 0 || table.entries == 0 {
        return Ok(());
    }
    for entry in table.read(image, image_bytes)?.chunks_exact(table.step()) {
        let entry = Header(entry);
        if entry.word(4) == SHT_NOTE {
            let range = FileRange { offset: entry.address(class.sh_offset, class), bytes: entry.address(class.sh_size, class) };
            elf.note_sections.push(inside(range, "a note section", image_bytes)?);
        }
    }
    Ok(())
}

/// A table of headers as the file header describes it.
struct Table {
    what: &'static str,
    offset: u64,
    entry_bytes: u64,
    least_entry_bytes: u64,
    entries: u64,
    most_entries: u64,
}

impl Table {
    /// The stride, never zero.
    fn step(&self) -> usize {
        usize::try_from(self.entry_bytes).map_or(1, |step| step.max(1))
    }

    fn read<S: Source + ?Sized>(&self, image: &S, image_bytes: u64) -> Result<Vec<u8>, ElfError> {
        if self.entries > self.most_entries || (self.entries > 0 && self.entry_bytes < self.least_entry_bytes) {
            return Err(ElfError::Corrupt(format!("{} has {} entries of {} bytes", self.what, self.entries, self.entry_bytes)));
        }
        // Both factors come from 16-bit fields, so the product is small.
        let bytes = self.entries * self.entry_bytes;
        inside(FileRange { offset: self.offset, bytes }, self.what, image_bytes)?;
        let mut table = vec![0; bytes as usize];
        read(image, image_bytes, self.what, self.offset, &mut table)?;
        Ok(table)
    }
}

/// The range itself, if it lies within the image.
fn inside(range: FileRange, what: &'static str, image_bytes: u64) -> Result<FileRange, ElfError> {
    match range.offset.checked_add(range.bytes) {
        Some(end) if end <= image_bytes => Ok(range),
        _ => Err(ElfError::Truncated { what, offset: range.offset, bytes: range.bytes, image_bytes }),
    }
}

fn read<S: Source + ?Sized>(image: &S, image_bytes: u64, what: &'static str, offset: u64, into: &mut [u8]) -> Result<(), ElfError> {
    let bytes = into.len() as u64;
    image.read_exact_at(offset, into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ElfError::Truncated { what, offset, bytes, image_bytes },
        _ => ElfError::Read(error),
    })
}
