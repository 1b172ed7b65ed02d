//! xz: the container is walked once without decoding, which gives every dictionary size and the exact length of the output; then decoded.
//!
//! ```text
//!   stream header 12 | block header | LZMA2 chunks, end 00 | padding to 4 | check | block ... | 00 index | footer 12
//! ```
//!
//! The walk is needed since the decoder allocates the dictionary that a header asks for, up to 4 GiB. What it cannot follow it leaves to
//! the decoder's own complaint.

use lzma_rust2::XzReader;

use super::output::Output;
use super::{DecompressError, Format, Limits, pump, within_window};

const FORMAT: Format = Format::Xz;
const LZMA2_FILTER: u64 = 0x21;

pub(super) fn run(payload: &mut &[u8], output: &mut Output<'_>, limits: &Limits) -> Result<(), DecompressError> {
    survey(payload, output, limits)?;
    pump(FORMAT, &mut XzReader::new(payload, false), output)
}

/// Walks the blocks of a stream.
fn survey(stream: &[u8], output: &Output<'_>, limits: &Limits) -> Result<(), DecompressError> {
    let mut walk = Walk { rest: stream };
    let header = walk.take(12)?;
    let check_bytes = match header.get(7).copied().unwrap_or(0) & 0xf {
        0 => 0,
        // Sizes by check id, in steps of three (the .xz file format, 2.1.1.2).
        id => 4usize << ((id - 1) / 3),
    };
    let mut total = 0u64;
    // A zero byte where a block header would be begins the index.
    while walk.peek()? != 0 {
        within_window(FORMAT, walk.block_dictionary()?, limits)?;
        let before = walk.rest.len();
        total = total.saturating_add(walk.chunks()?);
        output.expect(total)?;
        // Block headers are multiples of four bytes, so only the chunks need padding.
        let packed = before - walk.rest.len();
        walk.take((4 - packed % 4) % 4 + check_bytes)?;
    }
    Ok(())
}

struct Walk<'a> {
    rest: &'a [u8],
}

impl<'a> Walk<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a [u8], DecompressError> {
        let (taken, rest) = self.rest.split_at_checked(bytes).ok_or(DecompressError::Truncated { format: FORMAT })?;
        self.rest = rest;
        Ok(taken)
    }

    fn peek(&self) -> Result<u8, DecompressError> {
        self.rest.first().copied().ok_or(DecompressError::Truncated { format: FORMAT })
    }

    fn byte(&mut self) -> Result<u8, DecompressError> {
        let byte = self.peek()?;
        self.take(1)?;
        Ok(byte)
    }

    /// A length of the container: seven bits a byte, least first.
    fn varint(&mut self) -> Result<u64, DecompressError> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(corrupt("a length without end"))
    }

    /// Takes a block header and gives the dictionary size of its LZMA2 filter, in bytes.
    fn block_dictionary(&mut self) -> Result<u64, DecompressError> {
        let header_bytes = (usize::from(self.peek()?) + 1) * 4;
        let mut header = Walk { rest: self.take(header_bytes)? };
        header.byte()?;
        let flags = header.byte()?;
        for present in [0x40, 0x80] {
            if flags & present != 0 {
                header.varint()?;
            }
        }
        for _ in 0..=flags & 3 {
            let filter = header.varint()?;
            let properties = header.varint()?;
            let properties = usize::try_from(properties).map_err(|_| corrupt("filter properties"))?;
            let properties = header.take(properties).map_err(|_| corrupt("filter properties"))?;
            if let (LZMA2_FILTER, [bits]) = (filter, properties) {
                return dictionary(*bits);
            }
        }
        Err(corrupt("a block without the LZMA2 filter"))
    }

    /// Takes a block's LZMA2 chunks and gives the bytes that they unpack to.
    fn chunks(&mut self) -> Result<u64, DecompressError> {
        let mut total = 0u64;
        loop {
            let control = self.byte()?;
            if control == 0 {
                return Ok(total);
            }
            if control < 0x80 {
                if control > 2 {
                    return Err(corrupt("a chunk of unknown kind"));
                }
                let bytes = self.length()?;
                self.take(bytes)?;
                total += bytes as u64;
                continue;
            }
            let unpacked = (usize::from(control & 0x1f) << 16) + self.length()?;
            let packed = self.length()?;
            // From 0xc0 on a chunk brings a properties byte.
            self.take(packed + usize::from(control >= 0xc0))?;
            total += unpacked as u64;
        }
    }

    /// A chunk's length: big-endian, less one.
    fn length(&mut self) -> Result<usize, DecompressError> {
        let (high, low) = (self.byte()?, self.byte()?);
        Ok(usize::from(u16::from_be_bytes([high, low])) + 1)
    }
}

/// Dictionary sizes are two bits of mantissa and an exponent (the .xz file format, 5.3.1).
fn dictionary(bits: u8) -> Result<u64, DecompressError> {
    match bits {
        0..=39 => Ok((2 | u64::from(bits & 1)) << (bits / 2 + 11)),
        40 => Ok((1 << 32) - 1),
        _ => Err(corrupt("a dictionary size outside the format")),
    }
}

fn corrupt(reason: &str) -> DecompressError {
    DecompressError::Corrupt { format: FORMAT, reason: reason.into() }
}
