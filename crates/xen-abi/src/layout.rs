//! How bytes stand: a field is an offset and a width, and every access is checked.
//!
//! Encoders and the simulator read the same fields; the facts measured from each release's headers check both.

/// An unsigned little-endian field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Bytes from the record's start.
    pub offset: usize,
    /// 1, 2, 4 or 8 bytes.
    pub width: usize,
}

/// An access outside the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field of {width} bytes at offset {offset} lies outside a record of {length} bytes")]
pub struct OutOfRecord {
    /// Where the access began.
    pub offset: usize,
    /// How much it wanted, in bytes.
    pub width: usize,
    /// How long the record is, in bytes.
    pub length: usize,
}

impl Field {
    /// An 8-bit field.
    #[must_use]
    pub const fn u8(offset: usize) -> Field {
        Field { offset, width: 1 }
    }
    /// A 16-bit field.
    #[must_use]
    pub const fn u16(offset: usize) -> Field {
        Field { offset, width: 2 }
    }
    /// A 32-bit field.
    #[must_use]
    pub const fn u32(offset: usize) -> Field {
        Field { offset, width: 4 }
    }
    /// A 64-bit field.
    #[must_use]
    pub const fn u64(offset: usize) -> Field {
        Field { offset, width: 8 }
    }

    /// The same field in a record that starts `base` bytes later.
    #[must_use]
    pub const fn at(self, base: usize) -> Field {
        Field { offset: self.offset + base, width: self.width }
    }

    /// Writes the low bytes of `value`; what does not fit the width is cut, as in C.
    pub fn put(self, record: &mut [u8], value: u64) -> Result<(), OutOfRecord> {
        let length = record.len();
        let bytes = value.to_le_bytes();
        let (Some(to), Some(from)) = (record.get_mut(self.offset..self.offset + self.width), bytes.get(..self.width)) else {
            return Err(OutOfRecord { offset: self.offset, width: self.width, length });
        };
        to.copy_from_slice(from);
        Ok(())
    }

    /// Reads the field, widened to 64 bits.
    #[inline]
    pub fn get(self, record: &[u8]) -> Result<u64, OutOfRecord> {
        // By width, and inline: a list of many domains reads a dozen fields of each, and a copy of any length is a call for every one.
        match record.get(self.offset..self.offset + self.width) {
            Some(&[a]) => Ok(a.into()),
            Some(&[a, b]) => Ok(u16::from_le_bytes([a, b]).into()),
            Some(&[a, b, c, d]) => Ok(u32::from_le_bytes([a, b, c, d]).into()),
            Some(&[a, b, c, d, e, f, g, h]) => Ok(u64::from_le_bytes([a, b, c, d, e, f, g, h])),
            _ => Err(OutOfRecord { offset: self.offset, width: self.width, length: record.len() }),
        }
    }
}

/// Writes a run of bytes at an offset of a record.
pub fn put_bytes(record: &mut [u8], offset: usize, bytes: &[u8]) -> Result<(), OutOfRecord> {
    let length = record.len();
    let outside = OutOfRecord { offset, width: bytes.len(), length };
    let end = offset.checked_add(bytes.len()).ok_or(outside)?;
    record.get_mut(offset..end).ok_or(outside)?.copy_from_slice(bytes);
    Ok(())
}

/// Reads `N` bytes at an offset of a record.
pub fn get_bytes<const N: usize>(record: &[u8], offset: usize) -> Result<[u8; N], OutOfRecord> {
    let outside = OutOfRecord { offset, width: N, length: record.len() };
    let end = offset.checked_add(N).ok_or(outside)?;
    record.get(offset..end).and_then(|bytes| bytes.try_into().ok()).ok_or(outside)
}
