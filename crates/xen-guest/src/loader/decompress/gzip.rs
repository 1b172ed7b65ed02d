//! gzip: one member, its checksum and length verified by the decoder.

use flate2::bufread::GzDecoder;

use super::output::Output;
use super::{DecompressError, Format, pump};

pub(super) fn run(payload: &mut &[u8], output: &mut Output<'_>) -> Result<(), DecompressError> {
    pump(Format::Gzip, &mut GzDecoder::new(payload), output)
}
