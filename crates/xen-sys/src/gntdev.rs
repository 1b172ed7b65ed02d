//! `/dev/xen/gntdev` as [`GrantMaps`].
//!
//! ```text
//!   MAP_GRANT_REF(domid, references) -> index -> mmap at it -> pages
//!   drop: munmap, then UNMAP_GRANT_REF(index)      in this order: the driver keeps the grants while they are mapped
//! ```

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;
use xen_abi::names::PAGE_SIZE;
use xen_abi::{DomId, GrantRef};
use xen_hv::{Access, GrantMaps, MapError, SeamError, SharedPages};

use crate::ioctl::{MapGrants, UnmapGrants, plain};
use crate::mapping::Mapping;
use crate::{open_node, refused};

/// The node's path.
pub const GNTDEV: &str = "/dev/xen/gntdev";

const WHAT: &str = "grant map";

/// Maps pages that other domains granted to ours.
pub struct Gntdev {
    node: Arc<OwnedFd>,
}

impl Gntdev {
    /// Opens `/dev/xen/gntdev`, which closes on exec. Fails with [`SeamError::Node`] where the module `xen-gntdev` is not loaded or we are not
    /// root. How many pages one map may hold is the module's parameter `limit` (65,536 by default).
    pub fn open() -> Result<Gntdev, SeamError> {
        Gntdev::open_at(Path::new(GNTDEV))
    }

    /// The same with the node at another path.
    pub fn open_at(node: &Path) -> Result<Gntdev, SeamError> {
        Ok(Gntdev { node: Arc::new(open_node(node, OFlags::empty())?) })
    }
}

impl GrantMaps for Gntdev {
    /// Linux tells one error for all the pages: it comes back as [`SeamError::Refused`], without a frame.
    fn map(&self, domid: DomId, grants: &[GrantRef], access: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let length = grants.len().checked_mul(PAGE_SIZE).filter(|length| *length > 0);
        let request = MapGrants::new(u32::from(domid.0), grants.iter().map(|grant| grant.0));
        let (Some(length), Some(mut request)) = (length, request) else {
            let reason = format!("{} grants", grants.len());
            return Err(SeamError::BadCall { what: WHAT, reason }.into());
        };
        request.issue(self.node.as_fd()).map_err(|error| refused(WHAT, error))?;
        // From here on the slot is given back on every path.
        let slot = Slot { node: Arc::clone(&self.node), index: request.index(), count: grants.len() };
        let mapping = Mapping::of_node(self.node.as_fd(), slot.index, length, access).map_err(|error| refused(WHAT, error))?;
        Ok(Box::new(GrantedPages { mapping, _slot: slot }))
    }
}

/// Granted pages; fields drop in the order written, the mapping before its slot.
struct GrantedPages {
    mapping: Mapping,
    _slot: Slot,
}

/// What the driver remembers of one map.
struct Slot {
    node: Arc<OwnedFd>,
    index: u64,
    count: usize,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut request = UnmapGrants { index: self.index, count: u32::try_from(self.count).unwrap_or(u32::MAX), pad: 0 };
        // It fails only for an index that the driver did not give out, and nothing could be done about it here.
        let _ = plain(self.node.as_fd(), &mut request);
    }
}

impl SharedPages for GrantedPages {
    fn len(&self) -> usize {
        self.mapping.len()
    }
    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        self.mapping.read(offset, into)
    }
    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        self.mapping.write(offset, from)
    }
    fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
        self.mapping.zero(offset, length)
    }
    fn load_u32(&self, offset: usize) -> io::Result<u32> {
        self.mapping.load_u32(offset)
    }
    fn store_u32(&self, offset: usize, value: u32) -> io::Result<()> {
        self.mapping.store_u32(offset, value)
    }
    fn barrier(&self) {
        self.mapping.barrier();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named() {
        let missing = Gntdev::open_at(Path::new("/nonexistent/gntdev")).err().unwrap();
        assert!(missing.to_string().starts_with("cannot open /nonexistent/gntdev: "), "{missing}");
        let other = Gntdev::open_at(Path::new("/dev/null")).unwrap();
        let cases: [(&[GrantRef], &str); 2] = [(&[], "grant map is not well formed: 0 grants"), (&[GrantRef(0)], "grant map: errno 25")];
        for (grants, message) in cases {
            let error = other.map(DomId(1), grants, Access::ReadWrite).err().unwrap();
            assert_eq!(error.to_string(), message);
        }
    }
}
