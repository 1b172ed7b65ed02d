//! lz4's legacy frame, the one that Linux uses: blocks of 8 MiB with a length before each, and no checksum at all.
//!
//! ```text
//!   02 21 4c 18 | length u32 | block | length u32 | block | ... | size of the result u32, or the end
//! ```

use lz4_flex::block::decompress_into;

use super::output::Output;
use super::{DecompressError, Format};

/// The magic of a legacy frame; it may stand again between blocks, where frames are joined.
pub(super) const LEGACY_MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// What a block unpacks to at most (lz4's frame format, "legacy frame").
const BLOCK_BYTES: usize = 8 << 20;
/// The longest block that an encoder makes of that (`LZ4_compressBound`).
const MAX_PACKED_BYTES: usize = BLOCK_BYTES + BLOCK_BYTES / 255 + 16;

pub(super) fn run(payload: &mut &[u8], output: &mut Output<'_>) -> Result<(), DecompressError> {
    let mut block = vec![0; BLOCK_BYTES];
    *payload = payload.strip_prefix(&LEGACY_MAGIC).unwrap_or(payload);
    // Four last bytes are no block, but the size of the result.
    while payload.len() > 4 {
        let Some((length, rest)) = payload.split_first_chunk::<4>() else {
            return Err(DecompressError::Truncated { format: Format::Lz4 });
        };
        *payload = rest;
        if *length != LEGACY_MAGIC {
            one_block(u32::from_le_bytes(*length) as usize, payload, &mut block, output)?;
        }
    }
    Ok(())
}

fn one_block(length: usize, payload: &mut &[u8], block: &mut [u8], output: &mut Output<'_>) -> Result<(), DecompressError> {
    if length == 0 || length > MAX_PACKED_BYTES {
        return Err(corrupt(format!("a block of {length} bytes")));
    }
    let Some((packed, rest)) = payload.split_at_checked(length) else {
        return Err(DecompressError::Truncated { format: Format::Lz4 });
    };
    *payload = rest;
    let taken = decompress_into(packed, block).map_err(|error| corrupt(error.to_string()))?;
    output.put(block.get(..taken).unwrap_or(&[]))
}

fn corrupt(reason: String) -> DecompressError {
    DecompressError::Corrupt { format: Format::Lz4, reason }
}
