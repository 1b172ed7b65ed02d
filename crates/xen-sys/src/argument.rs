//! Memory for hypercall arguments: a small pool of mappings, used again from call to call.
//!
//! ```text
//!   take(length) --> a spare that is long enough, else a new mapping (16 KiB, or the next power of two)
//!        |                                                   /dev/xen/hypercall, or locked pages where the node is missing
//!      Lease  --drop--> spare again, unless there are enough of them or it is a big one
//! ```
//!
//! Pages of the node never fault while Xen reads them. Locked pages nearly never: the kernel may still move one, which is why
//! [`ArgumentMemory::never_faults`] tells the caller to be ready for EFAULT.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::OFlags;
use xen_hv::{Access, SeamError, SharedPages};

use crate::mapping::Mapping;
use crate::{io_error, open_node};

/// Bytes of the mapping that ordinary calls share.
const SMALL: usize = 16 << 10;
/// A mapping longer than this is not kept.
const KEEP_UP_TO: usize = 1 << 20;
/// How many are kept: as many calls can run at once without a new mapping.
const SPARES: usize = 4;

/// Where argument pages come from.
pub(crate) struct ArgumentMemory {
    node: Option<OwnedFd>,
    spares: Mutex<Vec<Mapping>>,
}

impl ArgumentMemory {
    /// Opens the node, `/dev/xen/hypercall`; Linux before 4.18 has none, and locked pages take its place.
    pub fn open(node: &Path) -> Result<ArgumentMemory, SeamError> {
        match open_node(node, OFlags::empty()) {
            Ok(node) => Ok(ArgumentMemory::from_node(Some(node))),
            Err(SeamError::Node { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(ArgumentMemory::from_node(None)),
            Err(error) => Err(error),
        }
    }

    fn from_node(node: Option<OwnedFd>) -> ArgumentMemory {
        ArgumentMemory { node, spares: Mutex::new(Vec::new()) }
    }

    /// Whether Xen can always reach the pages.
    pub fn never_faults(&self) -> bool {
        self.node.is_some()
    }

    /// At least `length` bytes, until the lease is dropped. What they hold is undefined.
    pub fn take(&self, length: usize) -> Result<Lease<'_>, SeamError> {
        let mapping = match self.take_spare(length) {
            Some(mapping) => mapping,
            None => self.map(length)?,
        };
        Ok(Lease { pool: self, mapping: Some(mapping) })
    }

    fn take_spare(&self, length: usize) -> Option<Mapping> {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        let index = spares.iter().position(|spare| spare.len() >= length)?;
        Some(spares.swap_remove(index))
    }

    fn map(&self, length: usize) -> Result<Mapping, SeamError> {
        let length = length.max(SMALL).checked_next_power_of_two().unwrap_or(usize::MAX);
        let mapped = match &self.node {
            Some(node) => Mapping::of_node(node, 0, length, Access::ReadWrite),
            None => Mapping::anonymous(length),
        };
        mapped.map_err(|error| io_error("map hypercall argument pages", error))
    }

    fn give_back(&self, mapping: Mapping) {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        if mapping.len() <= KEEP_UP_TO && spares.len() < SPARES {
            spares.push(mapping);
        }
    }
}

/// Argument pages in use by one call.
pub(crate) struct Lease<'a> {
    pool: &'a ArgumentMemory,
    mapping: Option<Mapping>,
}

impl Lease<'_> {
    /// The pages. There are always some until the drop.
    pub fn pages(&self) -> Option<&Mapping> {
        self.mapping.as_ref()
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(mapping) = self.mapping.take() {
            self.pool.give_back(mapping);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    fn spares(pool: &ArgumentMemory) -> Vec<usize> {
        pool.spares.lock().unwrap().iter().map(SharedPages::len).collect()
    }

    #[test]
    fn pages_are_used_again() {
        let pool = ArgumentMemory::from_node(None);
        let first = pool.take(100).unwrap();
        let address = first.pages().unwrap().address();
        drop(first);
        assert_eq!(spares(&pool), [SMALL]);
        let second = pool.take(SMALL).unwrap();
        assert_eq!(second.pages().unwrap().address(), address);
        assert_eq!(spares(&pool), [0; 0]);
    }

    #[test]
    fn lengths_and_spares_are_bounded() {
        let node = memfd_create("hypercall", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&node, 4 << 20).unwrap();
        let pool = ArgumentMemory::from_node(Some(node));
        let cases = [(0, SMALL), (SMALL + 1, 2 * SMALL), (KEEP_UP_TO, KEEP_UP_TO), (KEEP_UP_TO + 1, 2 * KEEP_UP_TO)];
        for (asked, given) in cases {
            assert_eq!(pool.map(asked).unwrap().len(), given, "{asked}");
        }
        drop(pool.take(KEEP_UP_TO + 1).unwrap());
        assert_eq!(spares(&pool), [0; 0], "a big mapping is not kept");
        let many: Vec<_> = (0..2 * SPARES).map(|_| pool.take(1).unwrap()).collect();
        drop(many);
        assert_eq!(spares(&pool), [SMALL; SPARES]);
    }

    #[test]
    fn a_missing_node_is_replaced_and_a_refused_one_is_not() {
        let missing = ArgumentMemory::open(Path::new("/nonexistent/hypercall")).unwrap();
        assert!(!missing.never_faults());
        let refused = ArgumentMemory::open(Path::new("/")).err().unwrap();
        assert!(matches!(refused, SeamError::Node { .. }), "{refused}");
        let length = usize::MAX / 2 + 2;
        assert!(matches!(missing.take(length).err(), Some(SeamError::Io { .. })));
    }
}
