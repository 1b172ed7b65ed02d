//! The .lzma container: properties, dictionary size, length (or all ones, with an end marker), then one raw stream. No checksum.

use std::io::{self, Read};

use lzma_rust2::LzmaReader;

use super::output::Output;
use super::{DecompressError, Format, Limits, classify, pump, within_window};

/// The length that means "until the end marker".
const UNKNOWN_LENGTH: u64 = u64::MAX;

pub(super) fn run(payload: &mut &[u8], output: &mut Output<'_>, limits: &Limits) -> Result<(), DecompressError> {
    const FORMAT: Format = Format::Lzma;
    let Some((header, stream)) = payload.split_first_chunk::<13>() else {
        return Err(DecompressError::Truncated { format: FORMAT });
    };
    let [properties, d0, d1, d2, d3, length @ ..] = *header;
    let dictionary_bytes = u32::from_le_bytes([d0, d1, d2, d3]);
    let length = u64::from_le_bytes(length);
    within_window(FORMAT, u64::from(dictionary_bytes), limits)?;
    if length != UNKNOWN_LENGTH {
        output.expect(length)?;
    }
    *payload = stream;
    let source = Source { payload, overrun: false };
    let mut decoder =
        LzmaReader::new_with_props(source, length, properties, dictionary_bytes, None).map_err(|error| classify(FORMAT, &error))?;
    let outcome = pump(FORMAT, &mut decoder, output);
    if decoder.inner().overrun {
        return Err(DecompressError::Truncated { format: FORMAT });
    }
    outcome
}

/// The decoder takes the end of its input for zeros, so that a stream cut short would end in any other way.
struct Source<'a, 'b> {
    payload: &'a mut &'b [u8],
    overrun: bool,
}

impl Read for Source<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.overrun |= self.payload.is_empty();
        self.payload.read(into)
    }
}
