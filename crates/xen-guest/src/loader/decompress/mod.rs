//! Taking a kernel out of its compression, with an end to it whatever the bytes say.
//!
//! ```text
//!   payload = | compressed stream | size of the result, u32 (all but gzip, whose stream ends with it) |
//!        |
//!     decoder (one file per format) --> Output: counts, refuses past the bound --> cache file
//! ```
//!
//! Every decoder is pure Rust. Windows and dictionaries are bounded before they are allocated, output as it appears.

mod bzip2;
mod gzip;
mod lz4;
mod lzma;
mod output;
mod xz;
mod zstd;

use std::error::Error;
use std::fmt;
use std::io::{self, Read, Write};

use output::Output;

/// A compression that a kernel can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// bzip2.
    Bzip2,
    /// The .xz container, with its filters (Debian's kernels use the x86 one).
    Xz,
    /// The older .lzma container.
    Lzma,
    /// The legacy frame of lz4, which Linux uses.
    Lz4,
    /// RFC 8878.
    Zstd,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Gzip => "gzip",
            Format::Bzip2 => "bzip2",
            Format::Xz => "xz",
            Format::Lzma => "lzma",
            Format::Lz4 => "lz4",
            Format::Zstd => "zstd",
        })
    }
}

impl Format {
    /// The format whose magic the bytes begin with.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Option<Format> {
        const MAGICS: [(&[u8], Format); 6] = [
            (&[0x1f, 0x8b], Format::Gzip),
            (b"BZh", Format::Bzip2),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Format::Xz),
            (&[0x5d, 0, 0], Format::Lzma),
            (&lz4::LEGACY_MAGIC, Format::Lz4),
            (&[0x28, 0xb5, 0x2f, 0xfd], Format::Zstd),
        ];
        MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, format)| *format)
    }
}

/// How far a decoder may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of output.
    pub output_bytes: u64,
    /// Most bytes of window or dictionary, which is memory of ours.
    pub window_bytes: u64,
}

impl Default for Limits {
    /// 512 MiB of kernel, ten times a distribution's; a window of 128 MiB, the most that Linux's own decoders take.
    fn default() -> Self {
        Limits { output_bytes: 512 << 20, window_bytes: 128 << 20 }
    }
}

/// Why a compressed kernel did not come out.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    /// The stream ends before its end.
    #[error("truncated: the {format} stream of the kernel breaks off; get an undamaged copy")]
    Truncated {
        /// The stream's compression.
        format: Format,
    },
    /// The stream contradicts itself.
    #[error("corrupt: the {format} stream of the kernel is damaged ({reason}); get an undamaged copy")]
    Corrupt {
        /// The stream's compression.
        format: Format,
        /// What the decoder met.
        reason: String,
    },
    /// More comes out than a kernel may have.
    #[error("the {format} stream unpacks to more than {limit_bytes} bytes, which no kernel does; use another kernel")]
    Bomb {
        /// The stream's compression.
        format: Format,
        /// The bound.
        limit_bytes: u64,
    },
    /// The decoder would need more memory than it may have.
    #[error(
        "the {format} stream needs a window of {window_bytes} bytes, at most {limit_bytes} are allowed; compress the kernel with a smaller one"
    )]
    Window {
        /// The stream's compression.
        format: Format,
        /// What it asks.
        window_bytes: u64,
        /// The bound.
        limit_bytes: u64,
    },
    /// The result could not be kept.
    #[error("cannot keep the unpacked kernel: {0}")]
    Output(#[source] io::Error),
}

/// Unpacks a payload into `out` and gives the number of bytes that came out.
pub fn decompress(format: Format, payload: &[u8], limits: &Limits, out: &mut dyn Write) -> Result<u64, DecompressError> {
    let mut output = Output::new(out, format, limits.output_bytes);
    let mut rest = payload;
    match format {
        Format::Gzip => gzip::run(&mut rest, &mut output),
        Format::Bzip2 => bzip2::run(&mut rest, &mut output),
        Format::Xz => xz::run(&mut rest, &mut output, limits),
        Format::Lzma => lzma::run(&mut rest, &mut output, limits),
        Format::Lz4 => lz4::run(&mut rest, &mut output),
        Format::Zstd => zstd::run(&mut rest, &mut output, limits),
    }?;
    check_size(format, rest, output.written())?;
    Ok(output.written())
}

/// What the decoder left over is the size of the result, where the kernel's build put one (Linux, scripts/Makefile.lib, `size_append`).
fn check_size(format: Format, rest: &[u8], written: u64) -> Result<(), DecompressError> {
    let Some(promised) = rest.last_chunk::<4>() else {
        return Ok(());
    };
    let promised = u64::from(u32::from_le_bytes(*promised));
    if promised == written & 0xffff_ffff {
        return Ok(());
    }
    Err(DecompressError::Corrupt { format, reason: format!("{written} bytes came out, the kernel says {promised}") })
}

/// Moves everything from a decoder to the output.
fn pump(format: Format, decoder: &mut dyn Read, output: &mut Output<'_>) -> Result<(), DecompressError> {
    let mut chunk = vec![0; 256 << 10];
    loop {
        let taken = match decoder.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(classify(format, &error)),
        };
        output.put(chunk.get(..taken).unwrap_or(&[]))?;
    }
}

/// A decoder's complaint: did the stream stop short, or is it wrong?
fn classify(format: Format, error: &(dyn Error + 'static)) -> DecompressError {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        let end = inner.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::UnexpectedEof);
        if end {
            return DecompressError::Truncated { format };
        }
        cause = inner.source();
    }
    DecompressError::Corrupt { format, reason: error.to_string() }
}

fn within_window(format: Format, window_bytes: u64, limits: &Limits) -> Result<(), DecompressError> {
    if window_bytes <= limits.window_bytes {
        return Ok(());
    }
    Err(DecompressError::Window { format, window_bytes, limit_bytes: limits.window_bytes })
}
