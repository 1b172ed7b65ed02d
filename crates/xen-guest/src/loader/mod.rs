//! From a path in a config to bytes that can be streamed into guest memory.
//!
//! ```text
//!   path --> open --> ELF? ------------------------------------------> inspect --> KernelImage
//!                      | no                                               ^
//!                      +--> digest (remembered, or read and hashed) --> cache --+
//!                                                                         | miss
//!                              bzImage --> payload --> decompress --> inspect, keep
//! ```
//!
//! The parsers ([`elf`], [`notes`], [`bzimage`], [`decompress`]) are pure and bounded; files are touched in [`open`] and the cache alone.

mod aside;
pub mod bzimage;
pub mod decompress;
pub mod elf;
pub mod kernel;
pub mod notes;
pub mod open;
pub mod source;

use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::MemfdFlags;
use tracing::{info, warn};

use crate::cache::{Cache, Digest, Draft};
use bzimage::BzImageError;
use decompress::{DecompressError, Format, Limits};
use kernel::{Initrd, KernelError, KernelImage};
use open::{Identity, OpenError};

/// The most bytes of a compressed kernel; read into memory once, when the cache does not know it.
const MAX_PACKED_KERNEL_BYTES: u64 = 256 << 20;
/// The most bytes of an ELF kernel or an initrd: what could lie below 4 GiB.
const MAX_FILE_BYTES: u64 = 4 << 30;

/// Which file of a config.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `boot.kernel`.
    Kernel,
    /// `boot.initrd`.
    Initrd,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Kernel => "kernel",
            Role::Initrd => "initrd",
        })
    }
}

/// Why a file of a config cannot be loaded.
#[derive(Debug, thiserror::Error)]
#[error("{role} {}: {problem}", path.display())]
pub struct LoadError {
    /// Which one.
    pub role: Role,
    /// Its path as the config names it.
    pub path: PathBuf,
    /// What is wrong, and what to do.
    pub problem: Problem,
}

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be opened or read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Neither ELF, nor bzImage, nor compressed.
    #[error("not a kernel: it begins with {begins}; give a vmlinux (ELF) or a bzImage")]
    NotAKernel {
        /// Its first bytes in hexadecimal.
        begins: String,
    },
    /// A bzImage whose payload is compressed in a way that we do not know.
    #[error("unknown compression: the bzImage's payload begins with {begins}; use gzip, bzip2, xz, lzma, lz4 or zstd")]
    UnknownCompression {
        /// The payload's first bytes in hexadecimal.
        begins: String,
    },
    /// A bzImage without a usable payload.
    #[error(transparent)]
    BzImage(#[from] BzImageError),
    /// A payload that does not unpack.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// An image that does not start as PVH.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// Opens kernels and initrds, with or without a cache of unpacked kernels.
#[derive(Debug, Default)]
pub struct Loader {
    cache: Option<Cache>,
    limits: Limits,
}

impl Loader {
    /// A loader that keeps unpacked kernels in `cache`, or in memory for one use each without.
    #[must_use]
    pub fn new(cache: Option<Cache>, limits: Limits) -> Loader {
        Loader { cache, limits }
    }

    /// Opens a kernel: ELF, bzImage, or a compressed ELF.
    pub fn kernel(&self, path: &Path) -> Result<KernelImage, LoadError> {
        self.kernel_inner(path).map_err(|problem| LoadError { role: Role::Kernel, path: path.to_owned(), problem })
    }

    /// Opens an initrd, which goes into the domain as it is.
    pub fn initrd(&self, path: &Path) -> Result<Initrd, LoadError> {
        open::open(path, MAX_FILE_BYTES).and_then(|(file, _)| Initrd::from_file(file).map_err(OpenError::Io)).map_err(|error| LoadError {
            role: Role::Initrd,
            path: path.to_owned(),
            problem: error.into(),
        })
    }

    fn kernel_inner(&self, path: &Path) -> Result<KernelImage, Problem> {
        let (file, identity) = open::open(path, MAX_FILE_BYTES)?;
        if begins_as_elf(&file)? {
            return Ok(KernelImage::from_file(file)?);
        }
        if identity.bytes > MAX_PACKED_KERNEL_BYTES {
            return Err(Problem::Open(OpenError::TooLarge { bytes: identity.bytes, limit_bytes: MAX_PACKED_KERNEL_BYTES }));
        }
        if let Some(kept) = self.kept(&identity) {
            return Ok(KernelImage::from_file(kept)?);
        }
        let bytes = open::read_all(&file, &identity)?;
        aside::aside(|| self.unpack(path, &identity, &bytes))
    }

    /// The unpacked kernel of a file that has not changed since it was last hashed.
    fn kept(&self, identity: &Identity) -> Option<File> {
        let cache = self.cache.as_ref()?;
        cache.find(&cache.remembered(identity)?)
    }

    fn unpack(&self, path: &Path, identity: &Identity, bytes: &[u8]) -> Result<KernelImage, Problem> {
        let (format, payload) = packed(bytes)?;
        let Some(cache) = &self.cache else {
            return self.unpack_to_memory(format, payload);
        };
        let digest = Digest::of(bytes);
        if let Some(kept) = cache.find(&digest) {
            cache.remember(identity, &digest);
            return Ok(KernelImage::from_file(kept)?);
        }
        match self.unpack_to_cache(cache, &digest, format, payload) {
            Err(Problem::Decompress(DecompressError::Output(error))) => {
                warn!("kernel {}: not kept in the cache: {error}", path.display());
                self.unpack_to_memory(format, payload)
            }
            Ok(image) => {
                cache.remember(identity, &digest);
                info!("kernel {}: unpacked ({format}) and kept", path.display());
                Ok(image)
            }
            Err(problem) => Err(problem),
        }
    }

    fn unpack_to_cache(&self, cache: &Cache, digest: &Digest, format: Format, payload: &[u8]) -> Result<KernelImage, Problem> {
        let mut draft: Draft<'_> = cache.draft().map_err(DecompressError::Output)?;
        decompress::decompress(format, payload, &self.limits, &mut draft)?;
        // Only a kernel that can be used is worth keeping.
        kernel::inspect(draft.file())?;
        let file = draft.keep(digest).map_err(DecompressError::Output)?;
        Ok(KernelImage::from_file(file)?)
    }

    /// For a full disk or no cache at all: pages that go when the domain is built.
    fn unpack_to_memory(&self, format: Format, payload: &[u8]) -> Result<KernelImage, Problem> {
        let memory =
            rustix::fs::memfd_create("xenith-kernel", MemfdFlags::CLOEXEC).map_err(|error| DecompressError::Output(error.into()))?;
        let mut file = File::from(memory);
        decompress::decompress(format, payload, &self.limits, &mut file)?;
        Ok(KernelImage::from_file(file)?)
    }
}

fn begins_as_elf(file: &File) -> Result<bool, Problem> {
    use source::Source;
    let mut magic = [0; 4];
    match file.read_exact_at(0, &mut magic) {
        Ok(()) => Ok(magic == *b"\x7fELF"),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(OpenError::Io(error).into()),
    }
}

/// The compressed kernel in a file, and how it is compressed.
fn packed(bytes: &[u8]) -> Result<(Format, &[u8]), Problem> {
    if bzimage::is_bzimage(bytes) {
        let payload = bytes.get(bzimage::payload(bytes)?).unwrap_or(&[]);
        return match Format::of(payload) {
            Some(format) => Ok((format, payload)),
            None => Err(Problem::UnknownCompression { begins: hexadecimal(payload) }),
        };
    }
    match Format::of(bytes) {
        Some(format) => Ok((format, bytes)),
        None => Err(Problem::NotAKernel { begins: hexadecimal(bytes) }),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let first: Vec<String> = bytes.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    first.join(" ")
}
