//! The bytes of a record's body: numbers in as few bytes as they need, and strings with their length in front.

use super::ImageError;

/// Writes a body.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Seven bits to a byte, the lowest first; the highest bit says that more follow.
    pub fn number(&mut self, value: impl Into<u64>) -> &mut Writer {
        let mut value = value.into();
        while value > 0x7f {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
        self
    }

    pub fn flag(&mut self, value: bool) -> &mut Writer {
        self.number(u64::from(value))
    }

    pub fn size(&mut self, value: usize) -> &mut Writer {
        self.number(value as u64)
    }

    pub fn string(&mut self, bytes: &[u8]) -> &mut Writer {
        self.size(bytes.len()).rest(bytes)
    }

    /// Whatever is left of the body.
    pub fn rest(&mut self, bytes: &[u8]) -> &mut Writer {
        self.0.extend_from_slice(bytes);
        self
    }
}

/// Reads a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

type Result<T> = std::result::Result<T, ImageError>;

impl<'a> Reader<'a> {
    pub fn new(body: &'a [u8]) -> Reader<'a> {
        Reader(body)
    }

    pub fn number(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(ImageError::Damaged("a number ends early"))?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(ImageError::Damaged("a number is too long"))
    }

    /// A number of a smaller type.
    pub fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T> {
        T::try_from(self.number()?).map_err(|_| ImageError::Damaged("a number is out of range"))
    }

    pub fn flag(&mut self) -> Result<bool> {
        Ok(self.number()? != 0)
    }

    pub fn string(&mut self) -> Result<&'a [u8]> {
        let len = self.narrow()?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(ImageError::Damaged("a string ends early"))?;
        self.0 = rest;
        Ok(bytes)
    }

    pub fn text(&mut self) -> Result<&'a str> {
        std::str::from_utf8(self.string()?).map_err(|_| ImageError::Damaged("a text is no text"))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whatever is left.
    pub fn rest(self) -> &'a [u8] {
        self.0
    }
}
