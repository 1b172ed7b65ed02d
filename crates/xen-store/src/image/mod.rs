//! The state image: everything that a store must not forget, in memory that outlives its process.
//!
//! ```text
//!   a record per node, watch, connection, unsent frame, unserved input, transaction, ...          in slots of some size classes
//!
//!   put     a free slot     <- NEW, the record             nothing of this counts yet
//!   remove  the record      <- DYING
//!   commit  the epoch word  <- next                        ONE store: from here on everything counts
//!           NEW -> LIVE, DYING -> FREE                     only now such slots can be used again
//! ```
//!
//! NEW and DYING tell to which of two alternating epochs they belong. So a process that is killed at any instruction leaves exactly what the
//! last commit published, without a log, without a copy and without a system call. Opening an image writes nothing into it: whoever it
//! belongs to may still go on if its successor gives up.

mod batch;
mod codec;
mod error;
mod layout;
mod memory;
mod record;
mod scan;
mod slab;

use std::fmt;

pub(crate) use codec::{Reader, Writer};
pub use error::ImageError;
pub use layout::MAILBOX;
use layout::{BOOT_AT, Blocks, EPOCH_AT, LAYOUT, LAYOUT_AT, MAGIC, SERVING_AT, SPOILT_AT, cell_at};
pub use memory::Memory;
pub(crate) use record::{Cell, Kind, Record};
use slab::Slab;
pub(crate) use slab::{Slot, SlotCell};

/// An image and what is being changed in it.
pub struct Image {
    memory: Box<dyn Memory>,
    slab: Slab,
    /// The last published one.
    epoch: u32,
    cell: Cell,
    /// Records of this batch.
    new: Vec<(usize, Slot)>,
    /// Records that this batch removes.
    dying: Vec<(usize, Slot)>,
    /// States that a process left behind unsettled.
    leftovers: Vec<(Slot, u8)>,
    spoilt: bool,
    scratch: Vec<u8>,
}

impl fmt::Debug for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image").field("epoch", &self.epoch).field("cell", &self.cell).finish_non_exhaustive()
    }
}

impl Image {
    /// Begins an empty image. The memory must be all zero.
    pub fn format(mut memory: Box<dyn Memory>, boot_id: [u8; 16]) -> Result<Image, ImageError> {
        let blocks = room(&*memory)?;
        memory.write(LAYOUT_AT, &LAYOUT.to_le_bytes());
        memory.write(BOOT_AT, &boot_id);
        memory.write(0, &MAGIC);
        Ok(Image::over(memory, Slab::new(blocks)))
    }

    /// Takes up what another process kept. Writes nothing before something is put, removed or committed.
    pub fn open(memory: Box<dyn Memory>, boot_id: [u8; 16]) -> Result<Image, ImageError> {
        let blocks = room(&*memory)?;
        if word(&*memory, 0) != MAGIC {
            return Err(ImageError::None);
        }
        match u32::from_le_bytes(word(&*memory, LAYOUT_AT)) {
            LAYOUT => {}
            found => return Err(ImageError::Layout { found }),
        }
        if word(&*memory, BOOT_AT) != boot_id {
            return Err(ImageError::OtherBoot);
        }
        if word(&*memory, SPOILT_AT) != [0; 4] {
            return Err(ImageError::Spoilt);
        }
        let mut image = Image::over(memory, Slab::new(blocks));
        image.epoch = u32::from_le_bytes(word(&*image.memory, EPOCH_AT));
        image.cell = Cell::decode(word(&*image.memory, cell_at(image.epoch)));
        Ok(image)
    }

    fn over(memory: Box<dyn Memory>, slab: Slab) -> Image {
        Image {
            memory,
            slab,
            epoch: 0,
            cell: Cell::default(),
            new: Vec::new(),
            dying: Vec::new(),
            leftovers: Vec::new(),
            spoilt: false,
            scratch: Vec::new(),
        }
    }

    /// A number above those of all sockets that the last commit knew.
    #[must_use]
    pub fn next_connection(&self) -> u64 {
        self.cell.next_connection
    }

    /// Notes which client is being served, 0 for none.
    pub(crate) fn note_serving(&mut self, conn: u64) {
        self.memory.write(SERVING_AT, &conn.to_le_bytes());
    }

    /// Which client was being served when whoever wrote this ended.
    pub(crate) fn serving(&self) -> u64 {
        u64::from_le_bytes(word(&*self.memory, SERVING_AT))
    }

    /// The words of the last commit.
    pub(crate) fn cell(&self) -> Cell {
        self.cell
    }

    /// Whether something could not be kept: whoever takes this image up must be told, and cannot.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt
    }
}

fn room(memory: &dyn Memory) -> Result<Blocks, ImageError> {
    let blocks = Blocks::of(memory.len());
    if blocks.count == 0 { Err(ImageError::TooSmall(blocks.at(1))) } else { Ok(blocks) }
}

fn word<const N: usize>(memory: &dyn Memory, at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    memory.read(at, &mut bytes);
    bytes
}
