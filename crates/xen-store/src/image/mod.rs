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

mod codec;
mod layout;
mod memory;
mod slab;

use std::fmt;

pub(crate) use codec::{Reader, Writer};
pub use layout::MAILBOX;
use layout::{BLOCK, BOOT_AT, Blocks, CLASSES, EPOCH_AT, LAYOUT, LAYOUT_AT, MAGIC, SPOILT_AT, cell_at, class_of};
pub use memory::Memory;
use slab::Slab;
pub(crate) use slab::{Slot, SlotCell};

/// Why an image cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Nothing was ever kept here.
    #[error("there is no image")]
    None,
    /// Another version of this program left it.
    #[error("the image has layout {found}, this program knows {LAYOUT}")]
    Layout {
        /// The layout found.
        found: u32,
    },
    /// The host was started anew since.
    #[error("the image is of another boot of this host")]
    OtherBoot,
    /// It was full at some time.
    #[error("the image was full and misses something")]
    Spoilt,
    /// It contradicts itself.
    #[error("the image is damaged: {0}")]
    Damaged(&'static str),
    /// Too small to hold anything.
    #[error("an image needs more than {0} bytes")]
    TooSmall(usize),
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Node = 1,
    Watch,
    Connection,
    Frame,
    Input,
    Transaction,
    Logged,
    Domain,
    Settings,
}

impl Kind {
    const ALL: [Kind; 9] = [
        Kind::Node,
        Kind::Watch,
        Kind::Connection,
        Kind::Frame,
        Kind::Input,
        Kind::Transaction,
        Kind::Logged,
        Kind::Domain,
        Kind::Settings,
    ];

    fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// State byte, kind byte, length of the body.
const RECORD_HEADER: usize = 4;

const FREE: u8 = 0;
const LIVE: u8 = 1;
/// And 3, by the parity of the epoch.
const NEW: u8 = 2;
/// And 5.
const DYING: u8 = 4;

/// Words that change with every commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub received: u64,
    pub sent: u64,
    pub generation: u64,
    pub next_connection: u64,
}

impl Cell {
    const LEN: usize = 32;

    fn encode(self) -> [u8; Cell::LEN] {
        let mut bytes = [0; Cell::LEN];
        let words = [self.received, self.sent, self.generation, self.next_connection];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: [u8; Cell::LEN]) -> Cell {
        let mut words = bytes.chunks_exact(8).map(|word| word.first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
        let mut next = || words.next().unwrap_or_default();
        Cell { received: next(), sent: next(), generation: next(), next_connection: next() }
    }
}

/// One record, as the last commit left it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub slot: Slot,
    pub kind: Kind,
    pub body: Vec<u8>,
}

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
    /// Something that was read makes no sense.
    pub(crate) fn damaged(why: &'static str) -> ImageError {
        ImageError::Damaged(why)
    }

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

    /// The words of the last commit.
    pub(crate) fn cell(&self) -> Cell {
        self.cell
    }

    /// Whether something could not be kept: whoever takes this image up must be told, and cannot.
    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// Every record of the last commit, for the one who takes the image up. To be called once, first.
    pub(crate) fn scan(&mut self) -> Result<Vec<Record>, ImageError> {
        let mut records = Vec::new();
        let mut block = vec![0; BLOCK];
        while let Some((number, at)) = self.slab.next_block() {
            let [class] = word::<1>(&*self.memory, Blocks::table_at(number));
            let Some(class) = class.checked_sub(1).map(usize::from) else { break };
            let size = *CLASSES.get(class).ok_or(ImageError::Damaged("a block has no class"))?;
            self.memory.read(at, &mut block);
            self.slab.found_block();
            for (index, bytes) in block.chunks_exact(size).enumerate() {
                records.extend(self.found(class, Slot::new(at + index * size), bytes)?);
            }
        }
        Ok(records)
    }

    fn found(&mut self, class: usize, slot: Slot, bytes: &[u8]) -> Result<Option<Record>, ImageError> {
        let Some(([state, kind, low, high], rest)) = bytes.split_first_chunk::<RECORD_HEADER>() else { return Ok(None) };
        let ours = (self.epoch % 2) as u8;
        let counts = match *state {
            FREE => false,
            LIVE => true,
            state if state & !1 == NEW => state & 1 == ours,
            state if state & !1 == DYING => state & 1 != ours,
            _ => return Err(ImageError::Damaged("a record has no state")),
        };
        if !counts {
            self.slab.give_back(class, slot);
        }
        if *state > LIVE {
            self.leftovers.push((slot, if counts { LIVE } else { FREE }));
        }
        if !counts {
            return Ok(None);
        }
        let kind = Kind::from_number(*kind).ok_or(ImageError::Damaged("a record has no kind"))?;
        let len = usize::from(u16::from_le_bytes([*low, *high]));
        let body = rest.get(..len).ok_or(ImageError::Damaged("a record is longer than its slot"))?.to_vec();
        Ok(Some(Record { slot, kind, body }))
    }

    /// Adds a record to this batch. [`Slot::NONE`] when there is no room: the image is spoilt then.
    pub(crate) fn put(&mut self, kind: Kind, body: &[u8]) -> Slot {
        self.settle_leftovers();
        let slot = self.try_put(kind, body);
        if slot.is_none() && !self.spoilt {
            self.spoilt = true;
            self.memory.write(SPOILT_AT, &1_u32.to_le_bytes());
        }
        slot.unwrap_or_default()
    }

    fn try_put(&mut self, kind: Kind, body: &[u8]) -> Option<Slot> {
        let len = u16::try_from(body.len()).ok()?.to_le_bytes();
        let class = class_of(RECORD_HEADER + body.len())?;
        let slot = self.slab.take(class).or_else(|| {
            self.add_block(class)?;
            self.slab.take(class)
        })?;
        self.scratch.clear();
        self.scratch.extend_from_slice(&[self.tag(NEW), kind as u8]);
        self.scratch.extend_from_slice(&len);
        self.scratch.extend_from_slice(body);
        self.memory.write(slot.at(), &self.scratch);
        self.new.push((class, slot));
        Some(slot)
    }

    fn add_block(&mut self, class: usize) -> Option<()> {
        let (block, at) = self.slab.next_block()?;
        let byte = u8::try_from(class + 1).ok()?;
        if !self.memory.reserve(at, BLOCK) {
            return None;
        }
        self.memory.write(Blocks::table_at(block), &[byte]);
        self.slab.add_block(class);
        Some(())
    }

    /// Removes a record with this batch. Nothing stands at [`Slot::NONE`].
    pub(crate) fn remove(&mut self, slot: Slot) {
        if slot.is_none() {
            return;
        }
        self.settle_leftovers();
        let [state, _, low, high] = word::<RECORD_HEADER>(&*self.memory, slot.at());
        let len = usize::from(u16::from_le_bytes([low, high]));
        let Some(class) = class_of(RECORD_HEADER + len) else { return };
        if state == LIVE {
            self.memory.write(slot.at(), &[self.tag(DYING)]);
            self.dying.push((class, slot));
        } else if state == self.tag(NEW) {
            // Nobody can have seen it. It leaves the list of new records when they are settled.
            self.memory.write(slot.at(), &[FREE]);
        }
    }

    /// Puts a record in place of another one.
    pub(crate) fn replace(&mut self, slot: &mut Slot, kind: Kind, body: &[u8]) {
        self.remove(*slot);
        *slot = self.put(kind, body);
    }

    /// Publishes this batch, if there is anything in it.
    pub(crate) fn commit(&mut self, cell: Cell) {
        if self.new.is_empty() && self.dying.is_empty() && cell == self.cell {
            return;
        }
        self.settle_leftovers();
        let next = self.epoch.wrapping_add(1);
        self.memory.write(cell_at(next), &cell.encode());
        self.memory.publish(EPOCH_AT, next);
        self.settle();
        self.epoch = next;
        self.cell = cell;
    }

    fn settle(&mut self) {
        for (class, slot) in self.new.drain(..) {
            let [state] = word(&*self.memory, slot.at());
            if state == FREE {
                self.slab.give_back(class, slot);
            } else {
                self.memory.write(slot.at(), &[LIVE]);
            }
        }
        for (class, slot) in self.dying.drain(..) {
            self.memory.write(slot.at(), &[FREE]);
            self.slab.give_back(class, slot);
        }
    }

    /// Settles what the last process could not: with the next batch the tags would mean something else.
    fn settle_leftovers(&mut self) {
        for (slot, state) in self.leftovers.drain(..) {
            self.memory.write(slot.at(), &[state]);
        }
    }

    /// A state of the batch under way.
    fn tag(&self, state: u8) -> u8 {
        state | (self.epoch.wrapping_add(1) % 2) as u8
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
