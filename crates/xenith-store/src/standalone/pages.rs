//! Rings by files.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use xen_abi::{DomId, Errno, GrantRef, Port};
use xen_hv::{Access, Dom0StoreRing, GrantMaps, MapError, SeamError, SharedPages};

use crate::pair::Questions;

/// Maps a file's first bytes: `xen_sys::map_file`, which this crate may not name.
pub type MapFile = fn(&OwnedFd, usize) -> io::Result<Box<dyn SharedPages>>;

/// The length of a ring's page, in bytes.
const PAGE: usize = 4096;
/// The port of dom0's kernel: any will do.
const DOM0_PORT: Port = Port(1);

/// The rings of a directory, which another process opens.
#[derive(Clone)]
pub struct FilePages {
    questions: Arc<Questions>,
    map: MapFile,
}

impl FilePages {
    /// Those that are got by asking.
    #[must_use]
    pub fn new(questions: Arc<Questions>, map: MapFile) -> FilePages {
        FilePages { questions, map }
    }

    fn ring(&self, domid: DomId) -> Result<Box<dyn SharedPages>, SeamError> {
        let file = self.questions.ring(domid)?;
        // Touching a page that is not there would kill us.
        let length = rustix::fs::fstat(&file).map_err(|error| failed(error.into()))?.st_size;
        if length < PAGE as i64 {
            return Err(SeamError::Refused { what: "ring map", errno: Errno::EINVAL });
        }
        (self.map)(&file, PAGE).map_err(failed)
    }
}

fn failed(source: io::Error) -> SeamError {
    SeamError::Io { what: "ring map", source }
}

impl GrantMaps for FilePages {
    fn map(&self, domid: DomId, _: &[GrantRef], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        Ok(self.ring(domid)?)
    }
}

impl Dom0StoreRing for FilePages {
    fn open(&self) -> Result<(Box<dyn SharedPages>, Port), SeamError> {
        Ok((self.ring(DomId::DOM0)?, DOM0_PORT))
    }
}
