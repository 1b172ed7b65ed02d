//! Fields out of a record's body, and into one. Nothing is allocated that the bytes at hand do not already hold.

use super::error::{Fault, Result};

/// Bytes of padding unit.
const ALIGN: usize = 8;

/// A length rounded up to the stream's padding.
pub(super) fn padded(len: usize) -> usize {
    len.next_multiple_of(ALIGN)
}

/// Reads fields in their order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    body: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Cursor<'a> {
    pub fn new(body: &'a [u8], big_endian: bool) -> Cursor<'a> {
        Cursor { body, at: 0, big_endian }
    }

    /// The next `len` bytes.
    pub fn bytes(&mut self, len: usize) -> Result<&'a [u8]> {
        let rest = self.body.get(self.at..).ok_or(Fault::Short)?;
        let bytes = rest.get(..len).ok_or(Fault::Short)?;
        self.at += len;
        Ok(bytes)
    }

    /// A cursor over a part of the body, in the same byte order.
    pub fn again(&self, part: &'a [u8]) -> Cursor<'a> {
        Cursor::new(part, self.big_endian)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array: [u8; N] = self.bytes(N)?.try_into().map_err(|_| Fault::Short)?;
        if self.big_endian {
            array.reverse();
        }
        Ok(array)
    }

    pub fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A string whose `len` bytes end with its only NUL, without it.
    pub fn string(&mut self, len: usize) -> Result<Box<[u8]>> {
        match self.bytes(len)?.split_last() {
            Some((0, text)) if !text.contains(&0) => Ok(text.into()),
            _ => Err(Fault::String),
        }
    }

    /// The string up to the next NUL, without it.
    pub fn string_to_nul(&mut self) -> Result<Box<[u8]>> {
        let rest = self.body.get(self.at..).ok_or(Fault::Short)?;
        let len = rest.iter().position(|byte| *byte == 0).ok_or(Fault::String)?;
        self.string(len + 1)
    }

    /// Skips to the next multiple of 8 from the start of the body.
    pub fn align(&mut self) {
        self.at = padded(self.at);
    }
}

/// A length as the field that says it.
pub(super) fn length<T: TryFrom<usize>>(len: usize, max: usize) -> Result<T> {
    T::try_from(len).map_err(|_| Fault::TooLong { len, max })
}

/// The length of a string with its NUL, as a 16-bit field.
pub(super) fn string_length(text: &[u8]) -> Result<u16> {
    if text.contains(&0) {
        return Err(Fault::String);
    }
    length(text.len() + 1, usize::from(u16::MAX))
}

/// Appends a string and its NUL.
pub(super) fn put_string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text);
    out.push(0);
}
