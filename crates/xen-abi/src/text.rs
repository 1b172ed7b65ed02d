//! A call as text that is the same in every run: for traces, and for tests that state the bytes.
//!
//! ```text
//!   domctl max_mem: 36 (@0, 0x0, 0x0, 0x0, 0x0)
//!     @0 inout 144 bytes
//!       0000  0b000000 12000000 05000000 00000000
//!       0010  00800000 00000000 00000000 00000000      rows of zeros are left out
//! ```
//!
//! `@1` is the address of buffer 1, wherever it was. The text holds everything but addresses.

use std::fmt;

use crate::call::{Arg, Buffer, Call, Direction};
use crate::hypercall::{MULTICALL, multicall};

/// The whole image of a call.
pub struct Image<'a>(pub &'a Call);

/// Bytes in rows of sixteen; rows of zeros are left out.
pub struct Rows<'a>(pub &'a [u8]);

impl fmt::Display for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args: Vec<String> = self.0.args.iter().map(arg).collect();
        writeln!(f, "{}: {} ({})", self.0.name, self.0.number, args.join(", "))?;
        if self.0.number == MULTICALL {
            let entries = multicall::entries(self.0).unwrap_or_default();
            entries.iter().enumerate().try_for_each(|(index, entry)| writeln!(f, "  entry {index} {}", entry.call.name))?;
        }
        for (index, buffer) in self.0.buffers.iter().enumerate() {
            self.buffer(f, index, buffer)?;
        }
        Ok(())
    }
}

impl Image<'_> {
    fn buffer(&self, f: &mut fmt::Formatter<'_>, index: usize, buffer: &Buffer) -> fmt::Result {
        let direction = match buffer.direction {
            Direction::In => "in",
            Direction::Out => "out",
            Direction::InOut => "inout",
        };
        writeln!(f, "  @{index} {direction} {} bytes", buffer.bytes.len())?;
        for patch in self.0.patches.iter().filter(|patch| patch.buffer == index) {
            writeln!(f, "    {:04x}  @{}", patch.offset, patch.target)?;
        }
        write!(f, "{}", Rows(&buffer.bytes))
    }
}

fn arg(arg: &Arg) -> String {
    match arg {
        Arg::Word(word) => format!("{word:#x}"),
        Arg::Address(buffer) => format!("@{buffer}"),
    }
}

impl fmt::Display for Rows<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, row) in self.0.chunks(16).enumerate().filter(|(_, row)| row.iter().any(|byte| *byte != 0)) {
            write!(f, "    {:04x} ", index * 16)?;
            for word in row.chunks(4) {
                write!(f, " ")?;
                word.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
