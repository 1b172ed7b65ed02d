//! A call's memory as Xen sees it: five words, buffers, and patch points in the place of addresses.
//!
//! ```text
//!   word 0 ----> buffer 0: ....[pointer at 24].... ----> buffer 1
//! ```
//!
//! A buffer is exactly as long as it is: what Xen would read past its end is `EFAULT` here, so that an encoder's short buffer shows.

use xen_abi::layout::Field;
use xen_abi::record::Member;
use xen_abi::{Arg, Buffer, Errno, Patch, Release};

/// The words, buffers and patches of one call, or of one entry of a multicall.
pub(crate) struct Image<'a> {
    pub(crate) words: Vec<Arg>,
    pub(crate) buffers: &'a mut [Buffer],
    pub(crate) patches: &'a [Patch],
}

impl Image<'_> {
    /// A word that is a number. An address where a number belongs is a number that fits nothing.
    pub(crate) fn word(&self, index: usize) -> u64 {
        match self.words.get(index) {
            Some(Arg::Word(word)) => *word,
            Some(Arg::Address(_)) => u64::MAX,
            None => 0,
        }
    }

    /// A word that is an address: the buffer there, or none for a null pointer.
    pub(crate) fn pointer(&self, index: usize) -> Result<Option<usize>, Errno> {
        match self.words.get(index) {
            Some(Arg::Address(buffer)) => Ok(Some(*buffer)),
            Some(Arg::Word(0)) | None => Ok(None),
            Some(Arg::Word(_)) => Err(Errno::EFAULT),
        }
    }

    /// A word that must be an address.
    pub(crate) fn required(&self, index: usize) -> Result<usize, Errno> {
        self.pointer(index)?.ok_or(Errno::EFAULT)
    }

    /// An address inside a buffer: the buffer there, or none for a null pointer.
    pub(crate) fn pointer_at(&self, buffer: usize, offset: usize) -> Result<Option<usize>, Errno> {
        if let Some(patch) = self.patches.iter().find(|patch| patch.buffer == buffer && patch.offset == offset) {
            return Ok(Some(patch.target));
        }
        if self.read(buffer, offset, 8)?.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(Errno::EFAULT) }
    }

    /// Bytes of a buffer.
    pub(crate) fn read(&self, buffer: usize, offset: usize, length: usize) -> Result<&[u8], Errno> {
        let end = offset.checked_add(length).ok_or(Errno::EFAULT)?;
        self.buffers.get(buffer).and_then(|buffer| buffer.bytes.get(offset..end)).ok_or(Errno::EFAULT)
    }

    /// A little-endian word of a buffer.
    pub(crate) fn read_u64(&self, buffer: usize, offset: usize) -> Result<u64, Errno> {
        let bytes = self.read(buffer, offset, 8)?;
        Ok(bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
    }

    /// Puts bytes into a buffer.
    pub(crate) fn write(&mut self, buffer: usize, offset: usize, bytes: &[u8]) -> Result<(), Errno> {
        let end = offset.checked_add(bytes.len()).ok_or(Errno::EFAULT)?;
        let place = self.buffers.get_mut(buffer).and_then(|buffer| buffer.bytes.get_mut(offset..end));
        place.ok_or(Errno::EFAULT)?.copy_from_slice(bytes);
        Ok(())
    }
}

/// A structure that Xen copies in, works on, and copies back where the operation says so.
pub(crate) struct Record {
    release: Release,
    buffer: usize,
    /// Where the members' offsets count from: the body of a domctl begins at 16.
    base: usize,
    bytes: Vec<u8>,
}

impl Record {
    /// Copies the whole structure of `size` bytes in.
    pub(crate) fn load(image: &Image<'_>, release: &Release, buffer: usize, size: usize, base: usize) -> Result<Record, Errno> {
        Ok(Record { release: *release, buffer, base, bytes: image.read(buffer, 0, size)?.to_vec() })
    }

    /// The same structure, with members' offsets counted from its start.
    pub(crate) fn header(&self, member: &Member) -> Result<u64, Errno> {
        let field = member.field(&self.release).ok_or(Errno::EFAULT)?;
        field.get(&self.bytes).map_err(|_| Errno::EFAULT)
    }

    /// Writes a member whose offset counts from the start.
    pub(crate) fn put_header(&mut self, member: &Member, value: u64) -> Result<(), Errno> {
        let field = member.field(&self.release).ok_or(Errno::EFAULT)?;
        field.put(&mut self.bytes, value).map_err(|_| Errno::EFAULT)
    }

    /// Reads a member; zero where the release has none.
    pub(crate) fn get(&self, member: &Member) -> Result<u64, Errno> {
        let Some(field) = member.field(&self.release) else { return Ok(0) };
        field.at(self.base).get(&self.bytes).map_err(|_| Errno::EFAULT)
    }

    /// Reads a field that has no name in any release's facts.
    pub(crate) fn field(&self, field: Field) -> Result<u64, Errno> {
        field.at(self.base).get(&self.bytes).map_err(|_| Errno::EFAULT)
    }

    /// Reads a member of 32 bits or fewer.
    pub(crate) fn get_u32(&self, member: &Member) -> Result<u32, Errno> {
        Ok(self.get(member)? as u32)
    }

    /// Reads a member that is an array.
    pub(crate) fn get_bytes<const N: usize>(&self, member: &Member) -> Result<[u8; N], Errno> {
        let field = member.field(&self.release).ok_or(Errno::EFAULT)?;
        xen_abi::layout::get_bytes(&self.bytes, field.at(self.base).offset).map_err(|_| Errno::EFAULT)
    }

    /// Writes a member, cut to its width; nothing where the release has none.
    pub(crate) fn put(&mut self, member: &Member, value: u64) -> Result<(), Errno> {
        let Some(field) = member.field(&self.release) else { return Ok(()) };
        field.at(self.base).put(&mut self.bytes, value).map_err(|_| Errno::EFAULT)
    }

    /// Writes a run of bytes at a place of the body.
    pub(crate) fn put_bytes(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Errno> {
        xen_abi::layout::put_bytes(&mut self.bytes, self.base + offset, bytes).map_err(|_| Errno::EFAULT)
    }

    /// Whether a range of the body is zero, as Xen demands of pads.
    pub(crate) fn is_zero(&self, offset: usize, length: usize) -> bool {
        let start = self.base + offset;
        self.bytes.get(start..start + length).is_some_and(|pad| pad.iter().all(|byte| *byte == 0))
    }

    /// The buffer that a member points to.
    pub(crate) fn pointer(&self, image: &Image<'_>, member: &Member) -> Result<Option<usize>, Errno> {
        let field = member.field(&self.release).ok_or(Errno::EFAULT)?;
        image.pointer_at(self.buffer, field.at(self.base).offset)
    }

    /// Copies the structure back.
    pub(crate) fn store(&self, image: &mut Image<'_>) -> Result<(), Errno> {
        image.write(self.buffer, 0, &self.bytes)
    }
}
