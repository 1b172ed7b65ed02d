//! Reading an image that another process left.

use super::layout::{BLOCK, Blocks, CLASSES};
use super::record::{DYING, FREE, LIVE, NEW, RECORD_HEADER};
use super::{Image, ImageError, Kind, Record, Slot, word};

impl Image {
    /// Every record of the last commit, for the one who takes the image up. To be called once, first. `bytes` becomes a copy of the blocks:
    /// one large allocation that goes back to the kernel as a whole.
    pub(crate) fn scan<'a>(&mut self, bytes: &'a mut Vec<u8>) -> Result<Vec<Record<'a>>, ImageError> {
        let blocks = self.found_blocks();
        bytes.resize(blocks.len() * BLOCK, 0);
        for ((_, at), block) in blocks.iter().zip(bytes.chunks_exact_mut(BLOCK)) {
            self.memory.read(*at, block);
        }
        let mut records = Vec::new();
        for ((class, at), block) in blocks.iter().zip(bytes.chunks_exact(BLOCK)) {
            let size = *CLASSES.get(*class).ok_or(ImageError::Damaged("a block has no class"))?;
            for (index, bytes) in block.chunks_exact(size).enumerate() {
                records.extend(self.found(*class, Slot::new(at + index * size), bytes)?);
            }
        }
        Ok(records)
    }

    /// Blocks in use: the class of each, and where it is.
    fn found_blocks(&mut self) -> Vec<(usize, usize)> {
        let mut blocks = Vec::new();
        while let Some((number, at)) = self.slab.next_block() {
            let [class] = word::<1>(&*self.memory, Blocks::table_at(number));
            let Some(class) = class.checked_sub(1).map(usize::from) else { break };
            blocks.push((class, at));
            self.slab.found_block();
        }
        blocks
    }

    fn found<'a>(&mut self, class: usize, slot: Slot, bytes: &'a [u8]) -> Result<Option<Record<'a>>, ImageError> {
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
        let body = rest.get(..len).ok_or(ImageError::Damaged("a record is longer than its slot"))?;
        Ok(Some(Record { slot, kind, body }))
    }
}
