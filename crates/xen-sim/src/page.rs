//! One page of a domain's memory, which many may hold at once.
//!
//! ```text
//!   P2m of d5  --gfn 0xfeffc--> Page <-- Mapping of dom0's store
//!                                 ^----- the scripted guest
//! ```
//!
//! A page that two sides hold is one page: what one writes the other reads. A page that nobody touched does not exist and reads as zero.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xen_abi::names::PAGE_SIZE;

/// The bytes of a page.
type Bytes = [u8; PAGE_SIZE];

/// A page, by reference.
#[derive(Clone, Debug)]
pub(crate) struct Page(Arc<Mutex<Bytes>>);

impl Page {
    /// A fresh page of zeros.
    pub(crate) fn zeroed() -> Page {
        Page(Arc::new(Mutex::new([0; PAGE_SIZE])))
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies bytes out; what lies past the page's end is left alone, which no caller asks for.
    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) {
        if let Some(from) = self.lock().get(offset..offset.saturating_add(into.len())) {
            into.copy_from_slice(from);
        }
    }

    /// Copies bytes in; nothing is written where they do not fit.
    pub(crate) fn write(&self, offset: usize, from: &[u8]) {
        if let Some(to) = self.lock().get_mut(offset..offset.saturating_add(from.len())) {
            to.copy_from_slice(from);
        }
    }

    /// Fills a range with zero; nothing is written where it does not fit.
    pub(crate) fn zero(&self, offset: usize, length: usize) {
        if let Some(to) = self.lock().get_mut(offset..offset.saturating_add(length)) {
            to.fill(0);
        }
    }

    /// A little-endian word.
    pub(crate) fn load_u32(&self, offset: usize) -> u32 {
        let mut bytes = [0; 4];
        self.read(offset, &mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// Stores a little-endian word.
    pub(crate) fn store_u32(&self, offset: usize, value: u32) {
        self.write(offset, &value.to_le_bytes());
    }
}
