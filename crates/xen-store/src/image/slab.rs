//! Which slots are free. Kept in the heap: after a restart the records themselves tell.

use std::sync::atomic::{AtomicU32, Ordering};

use super::layout::{BLOCK, Blocks, CLASSES};

/// The place of a record, in units of 8 bytes from the start of the image. 0 is no place: the header stands there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slot(u32);

impl Slot {
    pub const NONE: Slot = Slot(0);

    pub fn new(at: usize) -> Slot {
        Slot((at / 8) as u32)
    }

    pub fn at(self) -> usize {
        self.0 as usize * 8
    }

    pub fn is_none(self) -> bool {
        self == Slot::NONE
    }
}

/// A slot inside something that is shared.
#[derive(Debug, Default)]
pub(crate) struct SlotCell(AtomicU32);

impl SlotCell {
    pub fn get(&self) -> Slot {
        Slot(self.0.load(Ordering::Relaxed))
    }

    pub fn set(&self, slot: Slot) {
        self.0.store(slot.0, Ordering::Relaxed);
    }
}

impl Clone for SlotCell {
    fn clone(&self) -> SlotCell {
        SlotCell(AtomicU32::new(self.get().0))
    }
}

/// The slots of one class.
#[derive(Clone, Debug, Default)]
struct Class {
    /// Given back.
    free: Vec<Slot>,
    /// Never used yet: the rest of the newest block.
    fresh: std::ops::Range<usize>,
}

#[derive(Debug)]
pub(super) struct Slab {
    classes: Vec<Class>,
    blocks: Blocks,
    /// Blocks in use.
    taken: usize,
}

impl Slab {
    pub fn new(blocks: Blocks) -> Slab {
        Slab { classes: vec![Class::default(); CLASSES.len()], blocks, taken: 0 }
    }

    /// A slot of a class; `None` when its blocks are full.
    pub fn take(&mut self, class: usize) -> Option<Slot> {
        let size = *CLASSES.get(class)?;
        let class = self.classes.get_mut(class)?;
        class.free.pop().or_else(|| {
            let at = class.fresh.start;
            class.fresh.start += size;
            (class.fresh.start <= class.fresh.end).then(|| Slot::new(at))
        })
    }

    pub fn give_back(&mut self, class: usize, slot: Slot) {
        if let Some(class) = self.classes.get_mut(class) {
            class.free.push(slot);
        }
    }

    /// The block to be taken next, and where it is.
    pub fn next_block(&self) -> Option<(usize, usize)> {
        (self.taken < self.blocks.count).then(|| (self.taken, self.blocks.at(self.taken)))
    }

    /// Takes the next block for a class whose blocks are full.
    pub fn add_block(&mut self, class: usize) {
        let at = self.blocks.at(self.taken);
        self.taken += 1;
        if let Some(class) = self.classes.get_mut(class) {
            class.fresh = at..at + BLOCK;
        }
    }

    /// Notes a block that was in use before.
    pub fn found_block(&mut self) {
        self.taken += 1;
    }
}
