//! Reading an image that another process left.

use super::layout::{BLOCK, Blocks, CLASSES};
use super::record::{DYING, FREE, LIVE, NEW, RECORD_HEADER};
use super::{Image, ImageError, Kind, Record, Slot, word};

impl Image {
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
}
