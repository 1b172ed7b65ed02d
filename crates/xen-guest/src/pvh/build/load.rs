//! Fills the domain's memory: kernel, initrd, start record, ACPI tables, special pages, in as few mappings as hold them.
//!
//! ```text
//!   pieces: address, length, where the bytes come from   (kernel file, initrd file, memory, zero)
//!      \--> the pages that any piece touches, ascending --> windows of 256 MiB --> map, copy, unmap
//! ```
//!
//! Files are read in chunks straight into the mapping, so that a kernel is never in our memory as a whole.

use std::io;
use std::ops::Range;

use xen_abi::io::console;
use xen_abi::names::PAGE_SIZE;
use xen_abi::{DomId, Gfn, Release};
use xen_hv::{Access, ForeignMemory, SharedPages};

use super::BuildError;
use crate::loader::Role;
use crate::loader::kernel::{Initrd, KernelImage};
use crate::pvh::layout::{CONSOLE_GFN, IDENTITY_TABLE_GFN, Layout, STORE_GFN, Span};
use crate::pvh::start_info;

/// The most frames of one mapping: 256 MiB, whose frame list has half a MiB.
const WINDOW_FRAMES: usize = 64 << 10;
/// How much of a file is read at a time: what stays in a processor's cache between reading and copying.
const CHUNK_BYTES: u64 = 128 << 10;
const PAGE: u64 = PAGE_SIZE as u64;

/// What goes into a domain besides what its layout says.
#[derive(Clone, Copy, Debug)]
pub struct Contents<'a> {
    /// The kernel that the layout was planned with.
    pub kernel: &'a KernelImage,
    /// The initrd likewise.
    pub initrd: Option<&'a Initrd>,
    /// The command line likewise.
    pub cmdline: &'a str,
    /// What a console page looks like before its backend comes.
    pub release: Release,
}

/// Copies everything into the domain's memory.
pub fn load(memory: &dyn ForeignMemory, domid: DomId, layout: &Layout, contents: &Contents<'_>) -> Result<(), BuildError> {
    let pieces = pieces(domid, layout, contents)?;
    for window in windows(&pieces) {
        let frames: Vec<Gfn> = window.iter().flat_map(|run| run.clone()).map(Gfn).collect();
        let pages = memory.map(domid, &frames, Access::ReadWrite).map_err(|source| BuildError::Map {
            domid,
            what: "its memory for loading",
            source,
        })?;
        Window { domid, pages: &*pages, runs: &window }.fill(&pieces)?;
    }
    Ok(())
}

/// A range of guest memory and what goes there.
struct Piece<'a> {
    span: Span,
    from: From<'a>,
}

enum From<'a> {
    Bytes(Vec<u8>),
    Zero,
    /// From an offset of the image on.
    Kernel(&'a KernelImage, u64),
    Initrd(&'a Initrd),
}

fn pieces<'a>(domid: DomId, layout: &Layout, contents: &Contents<'a>) -> Result<Vec<Piece<'a>>, BuildError> {
    let mut pieces = Vec::new();
    for segment in &contents.kernel.info().segments {
        let file = Span { start: segment.paddr, bytes: segment.file.bytes };
        let rest = Span { start: file.end(), bytes: segment.memory_bytes - file.bytes };
        pieces.push(Piece { span: file, from: From::Kernel(contents.kernel, segment.file.offset) });
        // Xen scrubs pages of former domains, but not always those never used before. First of all, in case segments overlap.
        pieces.insert(0, Piece { span: rest, from: From::Zero });
    }
    if let Some((span, initrd)) = layout.initrd.zip(contents.initrd) {
        pieces.push(Piece { span, from: From::Initrd(initrd) });
    }
    let record = start_info::encode(layout, contents.cmdline).map_err(BuildError::record(domid))?;
    pieces.push(of_bytes(layout.start_info.start, record));
    pieces.push(of_bytes(layout.acpi.address, layout.acpi.bytes.clone()));
    if let Some(rsdp) = &layout.acpi.low_rsdp {
        pieces.push(of_bytes(layout.acpi.rsdp_address, rsdp.clone()));
    }
    pieces.push(Piece { span: page(STORE_GFN), from: From::Zero });
    pieces.push(of_bytes(page(IDENTITY_TABLE_GFN).start, identity_table()));
    let console = console_page(&contents.release).map_err(|source| BuildError::Record { domid, source })?;
    pieces.push(of_bytes(page(CONSOLE_GFN).start, console));
    pieces.retain(|piece| piece.span.bytes > 0);
    Ok(pieces)
}

fn of_bytes(start: u64, bytes: Vec<u8>) -> Piece<'static> {
    Piece { span: Span { start, bytes: bytes.len() as u64 }, from: From::Bytes(bytes) }
}

fn page(gfn: u64) -> Span {
    Span { start: gfn * PAGE, bytes: PAGE }
}

/// 4 GiB mapped one to one in 4 MiB steps: present, writable, user, accessed, dirty, large. Intel CPUs without "unrestricted guest" run
/// a guest that has no paging yet on it.
fn identity_table() -> Vec<u8> {
    (0u32..1024).flat_map(|step| (step << 22 | 0xe7).to_le_bytes()).collect()
}

fn console_page(release: &Release) -> Result<Vec<u8>, xen_abi::OperationError> {
    let mut page = vec![0; PAGE_SIZE];
    if release.console_page_has_connection() {
        console::CONNECTION.put(release, &mut page, console::DISCONNECTED.into())?;
    }
    Ok(page)
}

/// The pages that the pieces touch, as ascending runs of frames, cut into windows of at most [`WINDOW_FRAMES`].
fn windows(pieces: &[Piece<'_>]) -> Vec<Vec<Range<u64>>> {
    let mut touched: Vec<Range<u64>> = pieces.iter().map(|piece| piece.span.start / PAGE..piece.span.end().div_ceil(PAGE)).collect();
    touched.sort_by_key(|run| run.start);
    let mut windows: Vec<Vec<Range<u64>>> = Vec::new();
    let mut room = 0;
    let mut next = 0;
    for run in touched {
        let mut start = run.start.max(next);
        while start < run.end {
            if room == 0 {
                windows.push(Vec::new());
                room = WINDOW_FRAMES as u64;
            }
            let end = run.end.min(start + room);
            if let Some(window) = windows.last_mut() {
                window.push(start..end);
            }
            room -= end - start;
            start = end;
        }
        next = next.max(run.end);
    }
    windows
}

/// A mapping of runs of frames, one behind the other.
struct Window<'a> {
    domid: DomId,
    pages: &'a dyn SharedPages,
    runs: &'a [Range<u64>],
}

impl Window<'_> {
    fn fill(&self, pieces: &[Piece<'_>]) -> Result<(), BuildError> {
        // As long as is needed: a small kernel shall not pay for a page fault on each page of a large buffer.
        let longest = pieces.iter().map(|piece| piece.span.bytes).max().unwrap_or(0);
        let mut chunk = vec![0; longest.min(CHUNK_BYTES) as usize];
        for piece in pieces {
            let mut offset = 0;
            for run in self.runs {
                let mapped = run.start * PAGE..run.end * PAGE;
                let start = piece.span.start.max(mapped.start);
                let end = piece.span.end().min(mapped.end);
                if start < end {
                    let part = Part { into_piece: start - piece.span.start, bytes: end - start, address: start };
                    self.copy(piece, part, offset + (start - mapped.start), &mut chunk)?;
                }
                offset += mapped.end - mapped.start;
            }
        }
        Ok(())
    }

    /// Copies a part of a piece to an offset of the mapping.
    fn copy(&self, piece: &Piece<'_>, part: Part, offset: u64, chunk: &mut [u8]) -> Result<(), BuildError> {
        let failed = BuildError::write(self.domid, part.address);
        // A window is far smaller than any usize of a machine that runs Xen.
        let (at, length) = (offset as usize, part.bytes as usize);
        match &piece.from {
            From::Zero => self.pages.zero(at, length).map_err(failed),
            From::Bytes(bytes) => {
                let start = part.into_piece as usize;
                let bytes = bytes.get(start..start + length).unwrap_or(&[]);
                self.pages.write(at, bytes).map_err(failed)
            }
            From::Kernel(kernel, from) => {
                self.stream(part, at, chunk, Role::Kernel, |offset, into| kernel.read_exact_at(from + offset, into))
            }
            From::Initrd(initrd) => self.stream(part, at, chunk, Role::Initrd, |offset, into| initrd.read_exact_at(offset, into)),
        }
    }

    fn stream(
        &self,
        part: Part,
        at: usize,
        chunk: &mut [u8],
        role: Role,
        read: impl Fn(u64, &mut [u8]) -> io::Result<()>,
    ) -> Result<(), BuildError> {
        let mut done = 0;
        while done < part.bytes {
            let length = (part.bytes - done).min(chunk.len() as u64) as usize;
            let bytes = chunk.get_mut(..length).unwrap_or(&mut []);
            read(part.into_piece + done, bytes).map_err(|source| BuildError::Read { role, source })?;
            self.pages.write(at + done as usize, bytes).map_err(BuildError::write(self.domid, part.address + done))?;
            done += length as u64;
        }
        Ok(())
    }
}

/// A stretch of a piece that lies in one run of a window.
#[derive(Clone, Copy)]
struct Part {
    into_piece: u64,
    bytes: u64,
    address: u64,
}
