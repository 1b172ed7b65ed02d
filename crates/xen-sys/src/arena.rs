//! A call in argument memory: where each buffer lies, what is patched, what comes back.
//!
//! ```text
//!   Call.buffers   [0: 144 bytes][1: 512 bytes]             Layout::of      checks every index first, touches nothing
//!        | place                                            offsets 0, 192
//!   memory         |0 ......[addr of 1]....|192 .......|    addresses exist only here
//!        | enter(op, words)                                 Xen reads and writes
//!        | fetch                                            Out and InOut buffers copied back, patched words as they were
//!   Call.buffers
//! ```

use std::io;

use xen_abi::{Arg, Buffer, Call, Direction};
use xen_hv::{SeamError, SharedPages};

/// Buffers start on a cache line of their own, which is more than Xen asks of any structure.
const ALIGNMENT: usize = 64;
/// More argument memory than any call of ours needs: the extent list of a domain of 16 TiB in 2 MiB pieces.
const LIMIT: usize = 64 << 20;
const WORD: usize = size_of::<u64>();

/// Where a call's buffers lie in argument memory.
pub(crate) struct Layout {
    offsets: Vec<usize>,
    length: usize,
}

impl Layout {
    /// Places the buffers one after the other, after checking that each argument and each patch names memory that exists.
    pub fn of(call: &Call) -> Result<Layout, SeamError> {
        let mut offsets = Vec::with_capacity(call.buffers.len());
        let mut length = 0usize;
        for buffer in &call.buffers {
            offsets.push(length);
            length = buffer
                .bytes
                .len()
                .checked_next_multiple_of(ALIGNMENT)
                .and_then(|bytes| length.checked_add(bytes))
                .filter(|length| *length <= LIMIT)
                .ok_or_else(|| bad(call, format!("its buffers exceed {LIMIT} bytes")))?;
        }
        let layout = Layout { offsets, length };
        layout.check(call)?;
        Ok(layout)
    }

    fn check(&self, call: &Call) -> Result<(), SeamError> {
        for (index, arg) in call.args.iter().enumerate() {
            if let Arg::Address(buffer) = arg {
                self.offset(call, *buffer, || format!("word {index}"))?;
            }
        }
        for (index, patch) in call.patches.iter().enumerate() {
            self.offset(call, patch.target, || format!("patch {index}"))?;
            self.offset(call, patch.buffer, || format!("patch {index}"))?;
            if word_of(&call.buffers, patch.buffer, patch.offset).is_none() {
                return Err(bad(call, format!("patch {index} at offset {} lies outside buffer {}", patch.offset, patch.buffer)));
            }
        }
        Ok(())
    }

    fn offset(&self, call: &Call, buffer: usize, who: impl Fn() -> String) -> Result<usize, SeamError> {
        self.offsets.get(buffer).copied().ok_or_else(|| bad(call, format!("{} names buffer {buffer} of {}", who(), self.offsets.len())))
    }

    /// How much argument memory the call takes, in bytes.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Copies every buffer in, writes addresses at the patch points and gives the five words. Out buffers are copied as well: Xen may leave part
    /// of one unwritten, and what comes back then must be what the caller put there, not what an earlier call left in the page.
    pub fn place(&self, call: &Call, memory: &dyn SharedPages, base: u64) -> io::Result<[u64; 5]> {
        for (buffer, offset) in call.buffers.iter().zip(&self.offsets) {
            memory.write(*offset, &buffer.bytes)?;
        }
        for patch in &call.patches {
            memory.write(self.within(patch.buffer) + patch.offset, &self.address(base, patch.target).to_le_bytes())?;
        }
        Ok(call.args.map(|arg| match arg {
            Arg::Word(word) => word,
            Arg::Address(buffer) => self.address(base, buffer),
        }))
    }

    /// Copies Out and InOut buffers back into the call, with the patched words as they were before.
    pub fn fetch(&self, call: &mut Call, memory: &dyn SharedPages) -> io::Result<()> {
        let kept: Vec<Option<[u8; WORD]>> = call
            .patches
            .iter()
            .map(|patch| word_of(&call.buffers, patch.buffer, patch.offset).and_then(|word| word.try_into().ok()))
            .collect();
        for (buffer, offset) in call.buffers.iter_mut().zip(&self.offsets) {
            if buffer.direction != Direction::In {
                memory.read(*offset, &mut buffer.bytes)?;
            }
        }
        for (patch, word) in call.patches.iter().zip(kept) {
            let place =
                call.buffers.get_mut(patch.buffer).and_then(|buffer| buffer.bytes.get_mut(patch.offset..)?.first_chunk_mut::<WORD>());
            if let (Some(place), Some(word)) = (place, word) {
                *place = word;
            }
        }
        Ok(())
    }

    /// `check` has seen every index that comes here.
    fn within(&self, buffer: usize) -> usize {
        self.offsets.get(buffer).copied().unwrap_or(0)
    }

    fn address(&self, base: u64, buffer: usize) -> u64 {
        base.wrapping_add(self.within(buffer) as u64)
    }
}

fn word_of(buffers: &[Buffer], buffer: usize, offset: usize) -> Option<&[u8]> {
    buffers.get(buffer)?.bytes.get(offset..offset.checked_add(WORD)?)
}

fn bad(call: &Call, reason: String) -> SeamError {
    SeamError::BadCall { what: call.name, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::Mapping;

    const BASE: u64 = 0x7000_0000_0000;

    fn memory() -> Mapping {
        Mapping::anonymous(4096).unwrap()
    }

    fn sample() -> Call {
        Call::new("sample", 36)
            .arg(0, Arg::Address(0))
            .arg(1, Arg::Word(7))
            .arg(4, Arg::Address(2))
            .buffer(Direction::InOut, vec![0x11; 24])
            .buffer(Direction::In, vec![0x22; 65])
            .buffer(Direction::Out, vec![0x33; 8])
            .patch(0, 8, 1)
            .patch(2, 0, 0)
    }

    #[test]
    fn buffers_are_placed_and_patched() {
        let (call, memory) = (sample(), memory());
        let layout = Layout::of(&call).unwrap();
        assert_eq!((layout.offsets.as_slice(), layout.length()), ([0, 64, 192].as_slice(), 256));
        let words = layout.place(&call, &memory, BASE).unwrap();
        assert_eq!(words, [BASE, 7, 0, 0, BASE + 192]);
        let mut seen = vec![0; 256];
        memory.read(0, &mut seen).unwrap();
        assert_eq!(seen[..8], [0x11; 8]);
        assert_eq!(seen[8..16], (BASE + 64).to_le_bytes());
        assert_eq!(seen[16..24], [0x11; 8]);
        assert_eq!(seen[64..129], [0x22; 65]);
        assert_eq!(seen[192..200], BASE.to_le_bytes());
    }

    #[test]
    fn answers_come_back_without_addresses() {
        let (mut call, memory) = (sample(), memory());
        let layout = Layout::of(&call).unwrap();
        layout.place(&call, &memory, BASE).unwrap();
        memory.write(0, &[0xaa; 24]).unwrap();
        memory.write(64, &[0xbb; 65]).unwrap();
        layout.fetch(&mut call, &memory).unwrap();
        let mut first = [0xaa; 24];
        first[8..16].fill(0x11);
        assert_eq!(call.bytes(0), first, "the patched word is as it was");
        assert_eq!(call.bytes(1), [0x22; 65], "an In buffer is not copied back");
        assert_eq!(call.bytes(2), [0x33; 8], "a patched word of an Out buffer too");
    }

    #[test]
    fn what_xen_leaves_unwritten_comes_back_unchanged() {
        let memory = memory();
        memory.write(0, &[0xee; 4096]).unwrap();
        let mut call = Call::new("query", 1).buffer(Direction::Out, vec![0; 40]);
        let layout = Layout::of(&call).unwrap();
        layout.place(&call, &memory, BASE).unwrap();
        memory.write(0, &[5; 4]).unwrap();
        layout.fetch(&mut call, &memory).unwrap();
        assert_eq!(call.bytes(0)[..4], [5; 4]);
        assert_eq!(call.bytes(0)[4..], [0; 36], "nothing of an earlier call shows");
    }

    #[test]
    fn calls_that_are_not_well_formed_are_refused() {
        let empty = || Call::new("bad", 1);
        let one = || empty().buffer(Direction::In, vec![0; 8]);
        let cases: [(&str, Call, &str); 7] = [
            ("no buffer for a word", empty().arg(2, Arg::Address(0)), "word 2 names buffer 0 of 0"),
            ("no target", one().patch(0, 0, 1), "patch 0 names buffer 1 of 1"),
            ("no holder", one().patch(3, 0, 0), "patch 0 names buffer 3 of 1"),
            ("past the end", one().patch(0, 1, 0), "patch 0 at offset 1 lies outside buffer 0"),
            ("overflow", one().patch(0, usize::MAX, 0), "lies outside buffer 0"),
            ("absent buffer", empty().buffer(Direction::In, vec![]).patch(0, 0, 0), "lies outside buffer 0"),
            ("too much", empty().buffer(Direction::In, vec![0; LIMIT + 1]), "exceed"),
        ];
        for (name, call, reason) in cases {
            let error = Layout::of(&call).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(reason), "{name}: {error}");
        }
        let size_query = empty().arg(0, Arg::Address(0)).buffer(Direction::Out, vec![]);
        assert!(Layout::of(&size_query).is_ok(), "an empty buffer has an address");
    }
}
