//! bzip2: one stream, every block's checksum verified by the decoder.

use bzip2::bufread::BzDecoder;

use super::output::Output;
use super::{DecompressError, Format, pump};

pub(super) fn run(payload: &mut &[u8], output: &mut Output<'_>) -> Result<(), DecompressError> {
    pump(Format::Bzip2, &mut BzDecoder::new(payload), output)
}
