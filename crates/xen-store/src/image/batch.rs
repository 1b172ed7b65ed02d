//! Changing an image: nothing counts before the commit, and everything after it.

use super::layout::{BLOCK, Blocks, EPOCH_AT, SPOILT_AT, cell_at, class_of};
use super::record::{DYING, FREE, LIVE, NEW, RECORD_HEADER};
use super::{Cell, Image, Kind, Slot, word};

impl Image {
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
