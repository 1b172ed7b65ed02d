//! Rings by files.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use xen_abi::{DomId, Errno, GrantRef, Port};
use xen_hv::{Access, Dom0StoreRing, GrantMaps, MapError, SeamError, SharedPages};

use super::node;

/// Maps a file's first bytes: `xen_sys::map_file`, which this crate may not name.
pub type MapFile = fn(&File, usize) -> io::Result<Box<dyn SharedPages>>;

/// The length of a ring's page, in bytes.
const PAGE: usize = 4096;

/// The rings of a directory.
#[derive(Clone)]
pub struct FilePages {
    directory: PathBuf,
    map: MapFile,
}

impl FilePages {
    /// Those of this directory.
    #[must_use]
    pub fn new(directory: &Path, map: MapFile) -> FilePages {
        FilePages { directory: directory.to_owned(), map }
    }

    fn ring(&self, domid: DomId) -> Result<Box<dyn SharedPages>, SeamError> {
        let path = self.directory.join(format!("ring.{}", domid.0));
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(node(&path))?;
        // Touching a page that is not there would kill us.
        if file.metadata().map_err(node(&path))?.len() < PAGE as u64 {
            return Err(SeamError::Refused { what: "ring map", errno: Errno::EINVAL });
        }
        (self.map)(&file, PAGE).map_err(node(&path))
    }
}

impl GrantMaps for FilePages {
    fn map(&self, domid: DomId, _: &[GrantRef], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        Ok(self.ring(domid)?)
    }
}

impl Dom0StoreRing for FilePages {
    fn open(&self) -> Result<(Box<dyn SharedPages>, Port), SeamError> {
        Ok((self.ring(DomId::DOM0)?, Port(1)))
    }
}
