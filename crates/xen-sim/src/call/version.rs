//! What Xen says of itself (xen/common/kernel.c). Questions 11 to 14 came with 4.20.

use xen_abi::hypercall::version as abi;
use xen_abi::{Errno, Release};

use super::{Answer, Image, not_simulated};
use crate::xen::Xen;

/// `XENVER_pagesize` (public/version.h).
const PAGESIZE: u32 = 7;
/// Bytes of the fixed answers (public/version.h).
const EXTRAVERSION_BYTES: usize = 16;
const CAPABILITIES_BYTES: usize = 1024;
const CHANGESET_BYTES: usize = 64;
const COMMANDLINE_BYTES: usize = 1024;
const COMPILE_INFO_BYTES: usize = 144;
const CAPABILITIES: &str = "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 ";

pub(super) fn run(xen: &Xen, image: &mut Image<'_>) -> Answer {
    let command = image.word(0) as u32;
    match command {
        abi::VERSION => Ok(i64::from(xen.release.major) << 16 | i64::from(xen.release.minor)),
        abi::EXTRAVERSION => fixed(xen, image, command, EXTRAVERSION_BYTES),
        abi::CAPABILITIES => fixed(xen, image, command, CAPABILITIES_BYTES),
        abi::CHANGESET => fixed(xen, image, command, CHANGESET_BYTES),
        abi::COMMANDLINE => fixed(xen, image, command, COMMANDLINE_BYTES),
        abi::COMPILE_INFO => bytes(image, b"simulated", COMPILE_INFO_BYTES),
        abi::PLATFORM_PARAMETERS => bytes(image, &0xffff_8000_0000_0000_u64.to_le_bytes(), 8),
        PAGESIZE => {
            if image.pointer(1)?.is_some() {
                Err(Errno::EINVAL.into())
            } else {
                Ok(xen_abi::names::PAGE_SIZE as i64)
            }
        }
        abi::EXTRAVERSION2..=abi::COMMANDLINE2 if xen.since(Release::V4_20) => whole(xen, image, command),
        6 | 8 | 10 => not_simulated("xen_version question", command),
        _ => Err(Errno::ENOSYS.into()),
    }
}

fn text(xen: &Xen, command: u32) -> &str {
    match command {
        abi::EXTRAVERSION | abi::EXTRAVERSION2 => ".0-sim",
        abi::CAPABILITIES | abi::CAPABILITIES2 => CAPABILITIES,
        abi::CHANGESET | abi::CHANGESET2 => "none: simulated",
        _ => &xen.config.command_line,
    }
}

/// A field of fixed length, cut so that it ends in a zero.
fn fixed(xen: &Xen, image: &mut Image<'_>, command: u32, length: usize) -> Answer {
    let text: Vec<u8> = text(xen, command).bytes().take(length - 1).collect();
    bytes(image, &text, length)
}

fn bytes(image: &mut Image<'_>, value: &[u8], length: usize) -> Answer {
    let mut bytes = value.to_vec();
    bytes.resize(length, 0);
    image.write(image.required(1)?, 0, &bytes)?;
    Ok(0)
}

/// The whole text behind its length; with a null pointer only the length.
fn whole(xen: &Xen, image: &mut Image<'_>, command: u32) -> Answer {
    let text = text(xen, command).as_bytes().to_vec();
    let Some(buffer) = image.pointer(1)? else { return Ok(text.len() as i64) };
    let room = image.read(buffer, 0, 4)?.iter().rev().fold(0_usize, |word, byte| word << 8 | usize::from(*byte));
    match room {
        0 => Err(Errno::EINVAL.into()),
        room if room < text.len() => Err(Errno::ENOBUFS.into()),
        _ => {
            image.write(buffer, 4, &text)?;
            Ok(text.len() as i64)
        }
    }
}
