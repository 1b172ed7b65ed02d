//! Where downloads and built images are kept: outside the checkout, shared by every clone.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

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

/// Writes a file under a name of its own first, so that a reader never sees half of it and several writers, each with the whole file, do not
/// meet.
///
/// # Errors
/// When the file cannot be written or renamed.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut beside = NamedTempFile::new_in(directory).with_context(|| format!("write into {}", directory.display()))?;
    beside.write_all(bytes).with_context(|| format!("write {}", beside.path().display()))?;
    beside.persist(path).with_context(|| format!("rename a new file to {}", path.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_of_one_file_do_not_meet() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vmlinux");
        let bytes = vec![7; 1 << 20];
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..20).try_for_each(|_| write_whole(&path, &bytes)))).collect();
            for writer in writers {
                writer.join().unwrap().unwrap();
            }
        });
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
