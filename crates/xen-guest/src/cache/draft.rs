//! A file of the cache while it is being written.

use std::fs::File;
use std::io::{self, Write};

use rustix::fs::renameat;

use super::entry::Record;
use super::{Cache, Digest};

/// A file that is being written beside the others; removed if it is dropped before it is kept.
#[derive(Debug)]
pub struct Draft<'a> {
    cache: &'a Cache,
    name: String,
    file: File,
    digest: blake3::Hasher,
    renamed: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(cache: &'a Cache, name: String, file: File) -> Draft<'a> {
        Draft { cache, name, file, digest: blake3::Hasher::new(), renamed: false }
    }

    /// What has been written so far.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Makes it the unpacked kernel of the bzImage with this digest, and evicts older ones past the bound. The file stays readable even
    /// if it is evicted itself.
    pub fn keep(mut self, packed: &Digest) -> io::Result<File> {
        // The record promises the content, so the content must be on the disk before it: a host may lose power.
        self.file.sync_data()?;
        let file = self.file.try_clone()?;
        let content = Digest(self.digest.finalize().into());
        self.rename(&format!("{packed}.elf"))?;
        let record = Record::of(&file.metadata()?, content);
        let cache = self.cache;
        // Without its record the entry is removed at the next look: a loss of time only.
        if cache.write_record(packed, &record).is_err() {
            cache.discard(packed);
        }
        cache.evict();
        Ok(file)
    }

    pub(super) fn rename(&mut self, name: &str) -> io::Result<()> {
        renameat(&self.cache.dir, &self.name, &self.cache.dir, name)?;
        self.renamed = true;
        Ok(())
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            self.cache.remove(&self.name);
        }
    }
}
