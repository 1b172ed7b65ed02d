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
//! The keeper opens every file; the worker asks it for rings.

mod channels;
mod pages;

use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use xen_abi::DomId;
use xen_hv::SeamError;
use xen_store::server::DomainState;

pub use channels::FileChannels;
pub use pages::{FilePages, MapFile};

use crate::seams::DomainStates;

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

    fn ring(&mut self, domid: DomId) -> Option<OwnedFd> {
        let path = self.0.join(format!("ring.{}", domid.0));
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        opened.inspect_err(|error| tracing::warn!("{domid} store: {}: {error}", path.display())).ok().map(OwnedFd::from)
    }
}

/// The kernel's reason for a file that could not be had.
fn node(path: &Path) -> impl Fn(std::io::Error) -> SeamError + '_ {
    move |source| SeamError::Node { node: path.display().to_string(), source }
}
