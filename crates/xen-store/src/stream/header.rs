//! The sixteen bytes in front of the records; big endian whatever the rest is.

use super::error::{Fault, Result};

/// Name of the stream.
const IDENT: &[u8; 8] = b"xenstore";
/// The records are big endian.
const BIG_ENDIAN: u32 = 1;

/// Length of the header in bytes.
pub(super) const LEN: usize = 16;

/// Version of the document that a stream keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// What 4.15 to 4.20 write and read.
    V1,
    /// From 4.21: features of domains, watches with a depth.
    V2,
}

impl Version {
    fn number(self) -> u32 {
        match self {
            Version::V1 => 1,
            Version::V2 => 2,
        }
    }

    fn from_number(number: u32) -> Result<Version> {
        match number {
            1 => Ok(Version::V1),
            2 => Ok(Version::V2),
            other => Err(Fault::Version(other)),
        }
    }
}

/// What the header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub version: Version,
    pub big_endian: bool,
}

impl Header {
    pub fn decode(stream: &[u8]) -> Result<Header> {
        let (ident, rest) = stream.split_first_chunk().ok_or(Fault::Short)?;
        if ident != IDENT {
            return Err(Fault::Ident);
        }
        let (version, rest) = rest.split_first_chunk().ok_or(Fault::Short)?;
        let version = Version::from_number(u32::from_be_bytes(*version))?;
        let flags = rest.first_chunk().ok_or(Fault::Short)?;
        match u32::from_be_bytes(*flags) {
            flags if flags & !BIG_ENDIAN != 0 => Err(Fault::Flags(flags)),
            flags => Ok(Header { version, big_endian: flags & BIG_ENDIAN != 0 }),
        }
    }

    pub fn encode(version: Version) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let (ident, rest) = bytes.split_at_mut(IDENT.len());
        ident.copy_from_slice(IDENT);
        let version = version.number().to_be_bytes();
        rest.iter_mut().zip(version).for_each(|(byte, value)| *byte = value);
        bytes
    }
}
