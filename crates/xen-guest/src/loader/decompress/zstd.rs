//! zstd: one frame. Its window is read from the frame header first, since the decoder keeps a window's worth in memory.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::output::{Output, Writer};
use super::{DecompressError, Format, Limits, classify, within_window};

const FORMAT: Format = Format::Zstd;
/// How much is decoded before it is moved on.
const STEP_BYTES: usize = 1 << 20;

pub(super) fn run(payload: &mut &[u8], output: &mut Output<'_>, limits: &Limits) -> Result<(), DecompressError> {
    within_window(FORMAT, window(payload)?, limits)?;
    let mut decoder = FrameDecoder::new();
    decoder.init(&mut *payload).map_err(|error| classify(FORMAT, &error))?;
    while !decoder.is_finished() {
        decoder.decode_blocks(&mut *payload, BlockDecodingStrategy::UptoBytes(STEP_BYTES)).map_err(|error| classify(FORMAT, &error))?;
        drain(&mut decoder, output)?;
    }
    match (decoder.get_checksum_from_data(), decoder.get_calculated_checksum()) {
        (Some(said), Some(found)) if said != found => {
            Err(DecompressError::Corrupt { format: FORMAT, reason: "its checksum does not match".into() })
        }
        _ => Ok(()),
    }
}

fn drain(decoder: &mut FrameDecoder, output: &mut Output<'_>) -> Result<(), DecompressError> {
    let mut writer = Writer { output, failed: None };
    let outcome = decoder.collect_to_writer(&mut writer);
    match (writer.failed, outcome) {
        (Some(failed), _) => Err(failed),
        (None, Err(error)) => Err(classify(FORMAT, &error)),
        (None, Ok(_)) => Ok(()),
    }
}

/// The window that a frame header asks for, in bytes (RFC 8878, section 3.1.1.1).
fn window(frame: &[u8]) -> Result<u64, DecompressError> {
    let cut = || DecompressError::Truncated { format: FORMAT };
    let descriptor = *frame.get(4).ok_or_else(cut)?;
    let single_segment = descriptor & 0x20 != 0;
    if !single_segment {
        let window = *frame.get(5).ok_or_else(cut)?;
        let base = 1u64 << (10 + (window >> 3));
        return Ok(base + base / 8 * u64::from(window & 7));
    }
    // A single segment's window is its content: dictionary id of 0, 1, 2 or 4 bytes, then the size in 1, 2, 4 or 8.
    let start = 5 + match descriptor & 3 {
        3 => 4,
        short => usize::from(short),
    };
    let width = 1usize << (descriptor >> 6);
    let size = frame.get(start..start + width).ok_or_else(cut)?;
    let size = size.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Ok(if width == 2 { size + 256 } else { size })
}
