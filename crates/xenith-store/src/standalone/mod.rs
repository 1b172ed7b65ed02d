//! The store without Xen: rings, event channels and domains by files of one directory, so that the real role runs on any Linux.
//!
//! ```text
//!   DIR/socket        where clients connect                     DIR/ring.N       domain N exists; its ring's page (0: dom0's kernel)
//!   DIR/evtchn        the store's event channels: a datagram    DIR/ev.N         domain N's end: gets a datagram for every event
//!                     of one port, little-endian, is an event   DIR/shutdown.N   it shut down
//!                     1 = VIRQ_DOM_EXC, 1000 + N = domain N     DIR/dying.N      it is being destroyed
//! ```
//!
//! The stock daemons speak the same layout under the shim of `lab/src/peer`, so one driver tests both. Nothing here needs root.
//! Descriptors can be handed on: whoever holds DIR/evtchn's may be another process than the one that receives from it.

mod channels;
mod pages;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use xen_abi::DomId;
use xen_hv::SeamError;
use xen_store::server::DomainState;

pub use channels::FileChannels;
pub use pages::{FilePages, MapFile};

use crate::seams::{DomainStates, Seams};

/// Domains of a directory.
#[derive(Clone, Debug)]
pub struct FileDomains(PathBuf);

impl FileDomains {
    /// Those of this directory.
    #[must_use]
    pub fn new(directory: &Path) -> FileDomains {
        FileDomains(directory.to_owned())
    }
}

impl DomainStates for FileDomains {
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error> {
        let marked = |what: &str| self.0.join(format!("{what}.{}", domid.0)).exists();
        Ok(match () {
            () if !marked("ring") || marked("dying") => DomainState::Gone,
            () if marked("shutdown") => DomainState::Shutdown,
            () => DomainState::Alive,
        })
    }
}

/// Everything that the store needs of a host, out of a directory. `channels` are bound already, or were inherited.
#[must_use]
pub fn seams(directory: &Path, channels: FileChannels, map: MapFile) -> Seams {
    let pages = FilePages::new(directory, map);
    let dom0 = directory.join("ring.0").exists().then(|| Arc::new(pages.clone()) as Arc<dyn xen_hv::Dom0StoreRing>);
    Seams { events: Arc::new(channels), grants: Arc::new(pages), foreign: None, dom0, domains: Box::new(FileDomains::new(directory)) }
}

/// The kernel's reason for a file that could not be had.
fn node(path: &Path) -> impl Fn(std::io::Error) -> SeamError + '_ {
    move |source| SeamError::Node { node: path.display().to_string(), source }
}
