//! Writing a dump: every frame up to the highest is asked for, in batches; those that the domain has are written, those of zeroes left as holes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use xen_abi::names::PAGE_SIZE;
use xen_abi::{DomId, Gfn};
use xen_hv::{Access, ForeignMemory, MapError};

use super::format::{Head, tail};

/// Frames that are mapped at once.
const BATCH: u64 = 1024;

/// Why there is no dump.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// Memory cannot be mapped at all.
    #[error("mapping its memory: {0}")]
    Map(MapError),
    /// Mapped memory cannot be read.
    #[error("reading its memory: {0}")]
    Read(io::Error),
    /// The file cannot be written.
    #[error("writing the file: {0}")]
    Write(#[from] io::Error),
    /// It would be larger than it may be.
    #[error("the dump would hold more than {limit_bytes} bytes of data")]
    TooLarge {
        /// How much it may hold.
        limit_bytes: u64,
    },
    /// Somebody changed their mind.
    #[error("cancelled")]
    Cancelled,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dumped {
    /// Pages of the domain.
    pub pages: u64,
    /// Those that are not all zero.
    pub filled: u64,
    /// The file's length in bytes, holes included.
    pub bytes: u64,
}

/// How far it is, and whether to go on.
pub trait Watch {
    /// So many of all frames were looked at; false ends the dump.
    fn at(&self, frames: u64, of: u64) -> bool;
}

impl<F: Fn(u64, u64) -> bool> Watch for F {
    fn at(&self, frames: u64, of: u64) -> bool {
        self(frames, of)
    }
}

/// Writes the memory of a domain, whose highest frame is `highest`, to an empty file. Nothing is said of a file that was begun: whoever made it
/// removes it where this fails.
pub fn write(
    memory: &dyn ForeignMemory,
    (domid, highest): (DomId, Gfn),
    head: &Head,
    limit_bytes: u64,
    file: &File,
    watch: &dyn Watch,
) -> Result<Dumped, DumpError> {
    let mut pages = Pages { file, at: head.pages_offset(), frames: Vec::new(), filled: 0, limit_bytes };
    let end = highest.0 + 1;
    let mut frame = 0;
    while frame < end {
        if !watch.at(frame, end) {
            return Err(DumpError::Cancelled);
        }
        let batch: Vec<Gfn> = (frame..end.min(frame + BATCH)).map(Gfn).collect();
        frame += batch.len() as u64;
        pages.take(memory, domid, batch)?;
    }
    let Pages { at, frames, filled, .. } = pages;
    let tail = tail(&frames);
    file.write_all_at(&tail, at)?;
    file.write_all_at(&head.bytes(frames.len() as u64), 0)?;
    Ok(Dumped { pages: frames.len() as u64, filled, bytes: at + tail.len() as u64 })
}

struct Pages<'f> {
    file: &'f File,
    /// Where the next page goes.
    at: u64,
    frames: Vec<u64>,
    filled: u64,
    limit_bytes: u64,
}

impl Pages<'_> {
    /// Those frames of a batch that the domain has.
    fn take(&mut self, memory: &dyn ForeignMemory, domid: DomId, mut batch: Vec<Gfn>) -> Result<(), DumpError> {
        let pages = loop {
            match memory.map(domid, &batch, Access::Read) {
                Ok(pages) => break pages,
                // A frame without memory behind it; which ones may change while we look.
                Err(MapError::Frames { failed, .. }) if !failed.is_empty() => {
                    let mut missing = failed.iter().map(|(index, _)| *index).peekable();
                    let mut index = 0;
                    batch.retain(|_| {
                        let there = missing.next_if_eq(&index).is_none();
                        index += 1;
                        there
                    });
                    if batch.is_empty() {
                        return Ok(());
                    }
                }
                Err(error) => return Err(DumpError::Map(error)),
            }
        };
        let mut bytes = vec![0; batch.len() * PAGE_SIZE];
        pages.read(0, &mut bytes).map_err(DumpError::Read)?;
        drop(pages);
        self.frames.extend(batch.iter().map(|gfn| gfn.0));
        self.write(&bytes)
    }

    /// Runs of pages that hold something.
    fn write(&mut self, bytes: &[u8]) -> Result<(), DumpError> {
        const ZEROES: [u8; PAGE_SIZE] = [0; PAGE_SIZE];
        let (start, mut begin) = (self.at, 0);
        let mut write = |from: usize, to: usize| -> Result<(), DumpError> {
            let Some(run) = bytes.get(from..to).filter(|run| !run.is_empty()) else { return Ok(()) };
            self.filled += (run.len() / PAGE_SIZE) as u64;
            if self.filled * PAGE_SIZE as u64 > self.limit_bytes {
                return Err(DumpError::TooLarge { limit_bytes: self.limit_bytes });
            }
            Ok(self.file.write_all_at(run, start + from as u64)?)
        };
        for (index, page) in bytes.chunks(PAGE_SIZE).enumerate() {
            if page == ZEROES {
                write(begin, index * PAGE_SIZE)?;
                begin = (index + 1) * PAGE_SIZE;
            }
        }
        write(begin, bytes.len())?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
