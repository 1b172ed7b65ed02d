//! Where downloads and built images are kept: outside the checkout, shared by every clone.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};

/// The lab's directory on this host. Everything in it can be deleted at any time and is then fetched or built again.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens `$XENITH_CACHE`, or `$XDG_CACHE_HOME/xenith`, or `~/.cache/xenith`, and creates it.
    ///
    /// # Errors
    /// When none of the three variables is set, or the directory cannot be created.
    pub fn open() -> Result<Self> {
        let root = Self::place().ok_or_else(|| anyhow!("no place for the lab's cache: set XENITH_CACHE to a directory"))?;
        fs::create_dir_all(&root).with_context(|| format!("create the lab's cache {}", root.display()))?;
        Ok(Self { root })
    }

    fn place() -> Option<PathBuf> {
        let path = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        path("XENITH_CACHE")
            .or_else(|| path("XDG_CACHE_HOME").map(|home| home.join("xenith")))
            .or_else(|| path("HOME").map(|home| home.join(".cache/xenith")))
    }

    /// The cache's own directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A directory of the cache, created when missing.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(path)
    }

    /// Waits until no other process fetches or builds in this cache, and keeps the others out while the value lives.
    ///
    /// # Errors
    /// When the lock file cannot be opened or locked.
    pub fn lock(&self) -> Result<File> {
        let path = self.root.join("lock");
        let file = File::create(&path).with_context(|| format!("open {}", path.display()))?;
        file.lock().with_context(|| format!("lock {}", path.display()))?;
        Ok(file)
    }
}

/// The sha256 of a file, in hexadecimal.
///
/// # Errors
/// When the file cannot be read.
pub fn sha256_of(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut chunk).with_context(|| format!("read {}", path.display()))?;
        match chunk.get(..length) {
            Some(part) if !part.is_empty() => digest.update(part),
            _ => return Ok(format!("{:x}", digest.finalize())),
        }
    }
}

/// The sha256 of several byte strings, each preceded by its length, in hexadecimal.
pub fn sha256_of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    format!("{:x}", digest.finalize())
}

/// Writes a file under another name first, so that a reader never sees half of it.
///
/// # Errors
/// When the file cannot be written or renamed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let beside = path.with_extension("part");
    fs::write(&beside, bytes).with_context(|| format!("write {}", beside.display()))?;
    fs::rename(&beside, path).with_context(|| format!("rename {} to {}", beside.display(), path.display()))
}
