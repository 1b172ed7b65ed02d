//! Opening a file that a config names: a regular file of bounded size, never a pipe or a device that would keep us waiting.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// Why a file that a config names cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there.
    #[error("no such file; give the path of an existing file")]
    Missing,
    /// It is a directory, a device, a socket or a pipe.
    #[error("not a regular file; give the path of a file")]
    NotAFile,
    /// Nothing is in it.
    #[error("the file is empty; get an undamaged copy")]
    Empty,
    /// More than we read.
    #[error("the file has {bytes} bytes, at most {limit_bytes} are accepted; use a smaller one")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The bound.
        limit_bytes: u64,
    },
    /// Somebody wrote to it meanwhile.
    #[error("the file changed while it was read; try again when it is complete")]
    Changed,
    /// The kernel refused.
    #[error("cannot be read: {0}")]
    Io(#[source] io::Error),
}

/// What tells a file from its later versions, as far as the kernel knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The device that holds it.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
    /// Its length.
    pub bytes: u64,
    /// When its inode last changed, in seconds; unlike the modification time nobody can set it.
    pub ctime_s: i64,
    /// And the nanoseconds.
    pub ctime_ns: i64,
}

impl Identity {
    pub(crate) fn of(metadata: &Metadata) -> Identity {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            ctime_s: metadata.ctime(),
            ctime_ns: metadata.ctime_nsec(),
        }
    }
}

/// Opens a regular file of 1 to `limit_bytes` bytes. Links are followed: /vmlinuz is one.
pub fn open(path: &Path, limit_bytes: u64) -> Result<(File, Identity), OpenError> {
    // Without NONBLOCK the open of a pipe would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => File::from(fd),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::Missing),
        Err(error) => return Err(OpenError::Io(error.into())),
    };
    let metadata = file.metadata().map_err(OpenError::Io)?;
    if !metadata.is_file() {
        return Err(OpenError::NotAFile);
    }
    match metadata.len() {
        0 => Err(OpenError::Empty),
        bytes if bytes > limit_bytes => Err(OpenError::TooLarge { bytes, limit_bytes }),
        _ => Ok((file, Identity::of(&metadata))),
    }
}

/// Reads all of a file that [`open`] gave, and makes sure that it stayed the same meanwhile.
pub fn read_all(file: &File, identity: &Identity) -> Result<Vec<u8>, OpenError> {
    let mut bytes = Vec::new();
    let length = usize::try_from(identity.bytes).map_err(|_| OpenError::Changed)?;
    bytes.try_reserve_exact(length).map_err(|error| OpenError::Io(io::Error::other(error)))?;
    // Taking no more than its length keeps a growing file from filling our memory.
    file.take(identity.bytes).read_to_end(&mut bytes).map_err(OpenError::Io)?;
    let now = Identity::of(&file.metadata().map_err(OpenError::Io)?);
    if now != *identity || bytes.len() != length {
        return Err(OpenError::Changed);
    }
    Ok(bytes)
}
