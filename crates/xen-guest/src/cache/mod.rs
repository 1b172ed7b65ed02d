//! Unpacked kernels on disk, since unpacking is most of a stock create.
//!
//! ```text
//!   <digest of the bzImage>.elf    the unpacked kernel
//!   <digest of the bzImage>.rec    its length, digest, inode and ctime; its own mtime is when the entry was last used
//!   <device>-<inode>.src           length and ctime of a bzImage, and its digest: an unchanged file is not read again
//!   .tmp-<pid>-<n>                 being written; renamed when complete
//! ```
//!
//! An entry is trusted while its inode and ctime are those that were recorded after its content was verified; otherwise its digest is
//! computed again, and what does not match is removed. Files are only ever renamed into place, so two processes can share a directory. The
//! cache never fails a create: what cannot be kept is loaded without.

mod draft;
mod entry;
mod evict;
mod remember;

use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode, OFlags, openat, unlinkat};

pub use draft::Draft;

/// The BLAKE3 digest of a file. SHA-256 takes 54 instructions a byte where the processor does not help
/// (callgrind): it was 96 % of unpacking an lz4 kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(blake3::hash(bytes).into())
    }

    /// Reads 64 lower-case hexadecimal digits.
    fn parse(text: &str) -> Option<Digest> {
        let mut digest = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (index, byte) in digest.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
        }
        Some(Digest(digest))
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Why a directory cannot hold the cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made or opened.
    #[error("kernel cache {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// Somebody else could put files there.
    #[error(
        "kernel cache {}: others can write there (owner {owner}, mode {mode:o}); give it to our user with mode 700",
        path.display()
    )]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// Its owner's uid.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
}

/// A directory of unpacked kernels.
#[derive(Debug)]
pub struct Cache {
    dir: OwnedFd,
    limit_bytes: u64,
    drafts: AtomicU64,
}

impl Cache {
    /// Opens a directory, which is made where it is missing, for at most `limit_bytes` of unpacked kernels.
    pub fn open(path: &Path, limit_bytes: u64) -> Result<Cache, CacheError> {
        let failed = |source: io::Error| CacheError::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
        let stat = rustix::fs::fstat(&dir).map_err(|e| failed(e.into()))?;
        let mode = stat.st_mode & 0o7777;
        if stat.st_uid != rustix::process::geteuid().as_raw() || mode & 0o022 != 0 {
            return Err(CacheError::Unsafe { path: path.to_owned(), owner: stat.st_uid, mode });
        }
        Ok(Cache { dir, limit_bytes, drafts: AtomicU64::new(0) })
    }

    /// Begins a new file.
    pub fn draft(&self) -> io::Result<Draft<'_>> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        let name = format!(".tmp-{}-{number}", std::process::id());
        // What a process of the same id left behind at its death is in the way of the exclusive open.
        self.remove(&name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let file = openat(&self.dir, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Draft::new(self, name, File::from(file)))
    }

    /// Opens a file of the cache: regular, never through a link.
    fn open_file(&self, name: &str) -> Option<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(openat(&self.dir, name, flags, Mode::empty()).ok()?);
        file.metadata().ok()?.is_file().then_some(file)
    }

    /// Reads one of the small text files.
    fn read_text(&self, name: &str) -> Option<String> {
        let mut text = String::new();
        let file = self.open_file(name)?;
        file.take(1024).read_to_string(&mut text).ok()?;
        Some(text)
    }

    /// Writes one of the small text files beside, and renames it into place.
    fn write_text(&self, name: &str, text: &str) -> io::Result<()> {
        let mut draft = self.draft()?;
        draft.write_all(text.as_bytes())?;
        draft.rename(name)?;
        Ok(())
    }

    fn remove(&self, name: &str) {
        // A file that is gone already is what we want; one that stays is found again.
        let _ = unlinkat(&self.dir, name, AtFlags::empty());
    }
}
