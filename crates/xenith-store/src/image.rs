//! The state image in a file of shared memory: it outlives whoever writes it.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, fallocate};
use xen_hv::SharedPages;
use xen_store::image::Memory;

use crate::error::StoreError;

/// A file on tmpfs, and its pages. Most of it is a hole: memory is taken block by block as the image grows.
pub struct ImageFile {
    file: Arc<OwnedFd>,
    pages: Box<dyn SharedPages>,
}

impl ImageFile {
    /// `pages` are those of the whole file, whose length never changes.
    #[must_use]
    pub fn new(file: Arc<OwnedFd>, pages: Box<dyn SharedPages>) -> ImageFile {
        ImageFile { file, pages }
    }
}

// Pages of a file fail only outside of it, and the image never goes there.
impl Memory for ImageFile {
    fn len(&self) -> usize {
        self.pages.len()
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        if self.pages.read(at, into).is_err() {
            into.fill(0);
        }
    }

    fn write(&mut self, at: usize, from: &[u8]) {
        let _ = self.pages.write(at, from);
    }

    fn publish(&mut self, at: usize, value: u32) {
        let _ = self.pages.store_u32(at, value);
    }

    fn reserve(&mut self, at: usize, len: usize) -> bool {
        fallocate(&*self.file, FallocateFlags::empty(), at as u64, len as u64).is_ok()
    }
}

/// Names this boot: an image of another one says nothing of the domains of this one.
pub(crate) fn boot_id() -> Result<[u8; 16], StoreError> {
    let path = Path::new("/proc/sys/kernel/random/boot_id");
    let unreadable = |source| StoreError::File { what: "read", path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
    let number = u128::from_str_radix(&digits, 16).map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidData, error)))?;
    Ok(number.to_be_bytes())
}
