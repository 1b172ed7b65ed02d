//! dom0's own store ring, as xenfs shows it: the page in `/proc/xen/xsd_kva`, the kernel's port as text in `/proc/xen/xsd_port`.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use xen_abi::Port;
use xen_abi::names::PAGE_SIZE;
use xen_hv::{Access, Dom0StoreRing, SeamError, SharedPages};

use crate::mapping::Mapping;
use crate::{io_error, open_node};

/// Where xenfs is mounted.
pub const XENFS: &str = "/proc/xen";

/// The ring between dom0's kernel and the store.
pub struct XenfsStoreRing {
    directory: PathBuf,
}

impl Default for XenfsStoreRing {
    fn default() -> Self {
        XenfsStoreRing::at(Path::new(XENFS))
    }
}

impl XenfsStoreRing {
    /// The ring of a xenfs mounted elsewhere.
    #[must_use]
    pub fn at(directory: &Path) -> XenfsStoreRing {
        XenfsStoreRing { directory: directory.to_owned() }
    }

    fn port(&self) -> Result<Port, SeamError> {
        let path = self.directory.join("xsd_port");
        let text = fs::read_to_string(&path).map_err(|source| SeamError::Node { node: path.display().to_string(), source })?;
        let port = text.trim_end_matches(['\n', '\0']).parse();
        port.map(Port).map_err(|_| io_error("xsd_port holds no port", std::io::ErrorKind::InvalidData))
    }
}

impl Dom0StoreRing for XenfsStoreRing {
    /// Fails with [`SeamError::Node`] where xenfs is not mounted, this is not dom0, or we are not root.
    fn open(&self) -> Result<(Box<dyn SharedPages>, Port), SeamError> {
        let port = self.port()?;
        let node = open_node(&self.directory.join("xsd_kva"), OFlags::empty())?;
        let page = Mapping::of_node(node, 0, PAGE_SIZE, Access::ReadWrite).map_err(|error| io_error("map xsd_kva", error))?;
        Ok((Box::new(page), port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str, port: &str) -> PathBuf {
        let directory = std::env::temp_dir().join(format!("xen-sys-xenfs-{name}-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("xsd_port"), port).unwrap();
        fs::write(directory.join("xsd_kva"), [0; PAGE_SIZE]).unwrap();
        directory
    }

    #[test]
    fn the_page_and_the_port_are_found() {
        for (name, text, port) in [("bare", "7", 7), ("line", "19\n", 19)] {
            let directory = directory(name, text);
            let (page, found) = XenfsStoreRing::at(&directory).open().unwrap();
            assert_eq!((page.len(), found), (PAGE_SIZE, Port(port)), "{name}");
            page.store_u32(2048, 5).unwrap();
            assert_eq!(fs::read(directory.join("xsd_kva")).unwrap()[2048], 5, "{name}");
            fs::remove_dir_all(directory).unwrap();
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let missing = XenfsStoreRing::at(Path::new("/nonexistent")).open().err().unwrap();
        assert!(missing.to_string().starts_with("cannot open /nonexistent/xsd_port: "), "{missing}");
        let directory = directory("bad", "seven");
        let bad = XenfsStoreRing::at(&directory).open().err().unwrap();
        assert!(bad.to_string().starts_with("xsd_port holds no port: "), "{bad}");
        fs::remove_dir_all(directory).unwrap();
    }
}
