//! Linux's bzImage: boot sector, setup code, then the protected-mode part that holds the real kernel compressed.
//!
//! ```text
//!   0        0x1f1 setup_sects    0x206 protocol        (setup_sects + 1) * 512
//!   | boot sector | setup header 0x248 payload offset, length | ... payload ... | end
//! ```
//!
//! The fields are those of the x86 boot protocol, 2.08 and later (Linux, Documentation/arch/x86/boot.rst).

use std::ops::Range;

/// Why a bzImage has no payload to take out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BzImageError {
    /// The file ends before the payload does.
    #[error("truncated bzImage: its compressed kernel ends at byte {wanted}, the file at byte {bytes}; get an undamaged copy")]
    Truncated {
        /// Where the payload ends.
        wanted: u64,
        /// How long the file is.
        bytes: u64,
    },
    /// The file ends within the setup header.
    #[error("truncated bzImage: the file ends within its setup header at byte {bytes}; get an undamaged copy")]
    TruncatedHeader {
        /// How long the file is.
        bytes: u64,
    },
    /// From before Linux 2.6.26.
    #[error("bzImage of boot protocol {major}.{minor:02} has no payload field; use a kernel with protocol 2.08 or later")]
    TooOld {
        /// The protocol's major number.
        major: u8,
        /// The protocol's minor number.
        minor: u8,
    },
    /// The payload fields make no sense.
    #[error("corrupt bzImage: payload of {length} bytes at offset {offset}; get an undamaged copy")]
    Corrupt {
        /// What the header says.
        offset: u32,
        /// What the header says.
        length: u32,
    },
}

/// Whether the file says that it is a bzImage.
#[must_use]
pub fn is_bzimage(file: &[u8]) -> bool {
    file.get(0x1fe..0x200) == Some(&[0x55, 0xaa]) && file.get(0x202..0x206) == Some(b"HdrS")
}

/// Where the compressed kernel lies in a file that [`is_bzimage`].
pub fn payload(file: &[u8]) -> Result<Range<usize>, BzImageError> {
    let bytes = file.len() as u64;
    let cut = BzImageError::TruncatedHeader { bytes };
    let &[minor, major] = file.get(0x206..0x208).and_then(|b| b.as_array()).ok_or(cut.clone())?;
    if (major, minor) < (2, 8) {
        return Err(BzImageError::TooOld { major, minor });
    }
    let setup_sectors = match file.get(0x1f1) {
        None => return Err(cut),
        // The protocol: zero means four.
        Some(0) => 4,
        Some(sectors) => u64::from(*sectors),
    };
    let (Some(offset), Some(length)) = (word(file, 0x248), word(file, 0x24c)) else {
        return Err(cut);
    };
    if length == 0 {
        return Err(BzImageError::Corrupt { offset, length });
    }
    let start = (setup_sectors + 1) * 512 + u64::from(offset);
    let end = start + u64::from(length);
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end_index)) if end <= bytes => Ok(start..end_index),
        _ => Err(BzImageError::Truncated { wanted: end, bytes }),
    }
}

fn word(file: &[u8], offset: usize) -> Option<u32> {
    let bytes = file.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}
