//! Small kernels made on the spot: an ELF writer, a bzImage writer and the compressions.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::io::Write;

use xen_guest::loader::decompress::Format;

pub const ALL_FORMATS: [Format; 6] = [Format::Gzip, Format::Bzip2, Format::Xz, Format::Lzma, Format::Lz4, Format::Zstd];

/// Where the notes are announced.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NotesIn {
    Segment,
    Section,
    Nowhere,
}

#[derive(Clone)]
pub struct TestKernel {
    pub wide: bool,
    /// Physical address, bytes in the file, bytes in memory.
    pub segments: Vec<(u64, Vec<u8>, u64)>,
    pub notes: Vec<u8>,
    pub notes_in: NotesIn,
}

pub const BASE: u64 = 0x10_0000;

impl Default for TestKernel {
    fn default() -> Self {
        TestKernel {
            wide: true,
            segments: vec![(BASE, body(300_000), 0x6_0000)],
            notes: note("Xen", 18, &(BASE as u32 + 16).to_le_bytes()),
            notes_in: NotesIn::Segment,
        }
    }
}

/// Bytes that compress, but not to nothing.
pub fn body(bytes: usize) -> Vec<u8> {
    let mut state = 12345u32;
    let mut out = Vec::with_capacity(bytes);
    while out.len() < bytes {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
        let word = [0xe8, (state >> 16) as u8, (state >> 24) as u8 & 3, 0, 0, 0x90];
        out.extend_from_slice(&word);
    }
    out.truncate(bytes);
    out
}

pub fn note(owner: &str, kind: u32, desc: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for word in [owner.len() as u32 + 1, desc.len() as u32, kind] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(owner.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend_from_slice(desc);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

impl TestKernel {
    pub fn elf(&self) -> Vec<u8> {
        let (header, program, section) = if self.wide { (64, 56, 64) } else { (52, 32, 40) };
        let in_segment = self.notes_in == NotesIn::Segment;
        let headers = self.segments.len() + usize::from(in_segment);
        let mut data_at = header + headers * program;
        let mut out = vec![0; data_at];
        let mut rows = Vec::new();
        for (paddr, bytes, memory) in &self.segments {
            rows.push((1, data_at as u64, *paddr, bytes.len() as u64, *memory));
            out.extend_from_slice(bytes);
            data_at += bytes.len();
        }
        let notes_at = out.len() as u64;
        out.extend_from_slice(&self.notes);
        let notes = self.notes.len() as u64;
        if in_segment {
            rows.push((4, notes_at, 0, notes, notes));
        }
        let sections_at = out.len();
        let sections = usize::from(self.notes_in == NotesIn::Section) * 2;
        out.resize(sections_at + sections * section, 0);
        if sections > 0 {
            let row = sections_at + section;
            out[row + 4..row + 8].copy_from_slice(&7u32.to_le_bytes());
            let (offset, size) = if self.wide { (24, 32) } else { (16, 20) };
            self.address(&mut out, row + offset, notes_at);
            self.address(&mut out, row + size, notes);
        }
        self.file_header(&mut out, headers as u16, sections_at as u64, sections as u16);
        for (index, row) in rows.iter().enumerate() {
            self.program_header(&mut out, header + index * program, *row);
        }
        out
    }

    fn address(&self, out: &mut [u8], at: usize, value: u64) {
        let width = if self.wide { 8 } else { 4 };
        out[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }

    fn file_header(&self, out: &mut [u8], headers: u16, sections_at: u64, sections: u16) {
        out[..4].copy_from_slice(b"\x7fELF");
        out[4] = if self.wide { 2 } else { 1 };
        out[5] = 1;
        out[6] = 1;
        let machine = if self.wide { 62u16 } else { 3 };
        out[16..18].copy_from_slice(&2u16.to_le_bytes());
        out[18..20].copy_from_slice(&machine.to_le_bytes());
        let (phoff, shoff, counts) = if self.wide { (32, 40, 54) } else { (28, 32, 42) };
        let (header, program, section) = if self.wide { (64, 56, 64) } else { (52, 32, 40) };
        self.address(out, phoff, header);
        if sections > 0 {
            self.address(out, shoff, sections_at);
        }
        for (index, value) in [program, headers, section, sections].into_iter().enumerate() {
            out[counts + index * 2..][..2].copy_from_slice(&value.to_le_bytes());
        }
    }

    fn program_header(&self, out: &mut [u8], at: usize, row: (u32, u64, u64, u64, u64)) {
        let (kind, offset, paddr, filesz, memsz) = row;
        out[at..at + 4].copy_from_slice(&kind.to_le_bytes());
        let fields = if self.wide {
            [(8, offset), (24, paddr), (32, filesz), (40, memsz)]
        } else {
            [(4, offset), (12, paddr), (16, filesz), (20, memsz)]
        };
        for (field, value) in fields {
            self.address(out, at + field, value);
        }
    }
}

/// A bzImage of protocol 2.15 with this payload, and the size of the result behind it, except for gzip.
pub fn bzimage(format: Format, kernel: &[u8]) -> Vec<u8> {
    let mut payload = pack(format, kernel);
    if format != Format::Gzip {
        payload.extend_from_slice(&(kernel.len() as u32).to_le_bytes());
    }
    bzimage_of(&payload)
}

pub fn bzimage_of(payload: &[u8]) -> Vec<u8> {
    const SETUP_SECTORS: usize = 3;
    const OFFSET: usize = 700;
    let mut out = vec![0; (SETUP_SECTORS + 1) * 512 + OFFSET];
    out[0x1f1] = SETUP_SECTORS as u8;
    out[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
    out[0x202..0x206].copy_from_slice(b"HdrS");
    out[0x206..0x208].copy_from_slice(&[0x0f, 0x02]);
    out[0x248..0x24c].copy_from_slice(&(OFFSET as u32).to_le_bytes());
    out[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(payload);
    out.extend_from_slice(&[0; 1000]);
    out
}

pub fn pack(format: Format, bytes: &[u8]) -> Vec<u8> {
    match format {
        Format::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            gzip.write_all(bytes).unwrap();
            gzip.finish().unwrap()
        }
        Format::Bzip2 => {
            let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            bzip2.write_all(bytes).unwrap();
            bzip2.finish().unwrap()
        }
        Format::Xz => pack_xz(bytes, 1 << 20),
        Format::Lzma => {
            let options = lzma_rust2::LzmaOptions::with_preset(1);
            let mut lzma = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).unwrap();
            lzma.write_all(bytes).unwrap();
            lzma.finish().unwrap()
        }
        Format::Lz4 => {
            let mut out = vec![0x02, 0x21, 0x4c, 0x18];
            for block in bytes.chunks(8 << 20) {
                let packed = lz4_flex::block::compress(block);
                out.extend_from_slice(&(packed.len() as u32).to_le_bytes());
                out.extend_from_slice(&packed);
            }
            out
        }
        Format::Zstd => ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest),
    }
}

/// As Linux packs it: x86 filter, CRC32.
pub fn pack_xz(bytes: &[u8], dictionary_bytes: u32) -> Vec<u8> {
    let mut options = lzma_rust2::XzOptions::with_preset(1);
    options.lzma_options.dict_size = dictionary_bytes;
    options.set_check_sum_type(lzma_rust2::CheckType::Crc32);
    options.prepend_pre_filter(lzma_rust2::FilterType::BcjX86, 0);
    let mut xz = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
    xz.write_all(bytes).unwrap();
    xz.finish().unwrap()
}
