//! The end of a decoder: counts what comes out and stops it at the bound.

use std::io::{self, Write};

use super::{DecompressError, Format};

/// A bounded sink.
pub(super) struct Output<'a> {
    sink: &'a mut dyn Write,
    format: Format,
    limit_bytes: u64,
    written: u64,
}

impl<'a> Output<'a> {
    pub(super) fn new(sink: &'a mut dyn Write, format: Format, limit_bytes: u64) -> Output<'a> {
        Output { sink, format, limit_bytes, written: 0 }
    }

    /// Bytes that came out so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Takes bytes, or says that there are too many.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), DecompressError> {
        let after = self.written.saturating_add(bytes.len() as u64);
        self.expect(after)?;
        self.sink.write_all(bytes).map_err(DecompressError::Output)?;
        self.written = after;
        Ok(())
    }

    /// Says beforehand that `total` bytes are too many.
    pub(super) fn expect(&self, total: u64) -> Result<(), DecompressError> {
        if total <= self.limit_bytes {
            return Ok(());
        }
        Err(DecompressError::Bomb { format: self.format, limit_bytes: self.limit_bytes })
    }
}

/// For decoders that write by themselves: the typed error is kept aside, since `Write` has only io errors.
pub(super) struct Writer<'a, 'b> {
    pub(super) output: &'a mut Output<'b>,
    pub(super) failed: Option<DecompressError>,
}

impl Write for Writer<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.output.put(bytes) {
            Ok(()) => Ok(bytes.len()),
            Err(error) => {
                self.failed = Some(error);
                Err(io::ErrorKind::WriteZero.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
