//! Why the store could not start, or had to end.

use std::io;
use std::path::PathBuf;

use xen_hv::{MapError, SeamError};

/// Why the store could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody answers on our socket.
    #[error("another xenstored answers on {socket}; stop it first: one host has one store")]
    AlreadyServing {
        /// The socket.
        socket: PathBuf,
    },
    /// Somebody holds our lock.
    #[error("another xenith store holds {lock}; stop it first: one host has one store")]
    AlreadyLocked {
        /// The lock file.
        lock: PathBuf,
    },
    /// Xen's domain exception interrupt has one binder per host.
    #[error("another xenstored holds the domain exception interrupt of this host; stop it first, or reboot if none runs")]
    VirqTaken,
    /// dom0's kernel speaks to somebody.
    #[error("dom0's kernel speaks to another xenstored already; stop it first, or reboot if none runs")]
    Dom0Taken,
    /// The way to Xen failed.
    #[error("store: {0}")]
    Seam(#[from] SeamError),
    /// A ring's page could not be reached.
    #[error("store: {0}")]
    Map(#[from] MapError),
    /// A ring cannot be used.
    #[error("store: {0}")]
    Ring(#[from] crate::ring::RingFault),
    /// The state image cannot be taken up.
    #[error("store: {0}")]
    Image(#[from] xen_store::image::ImageError),
    /// A right is left that must go.
    #[error(transparent)]
    Confine(#[from] crate::confine::ConfineError),
    /// Keeper and worker do not understand each other.
    #[error(transparent)]
    Pair(#[from] crate::pair::PairError),
    /// The other process is gone.
    #[error("store: its other process is gone")]
    Alone,
    /// The worker ends before it serves, again and again.
    #[error("store: no worker comes up; its own lines above say why")]
    NoWorker,
    /// A file, a directory or a socket failed.
    #[error("store: cannot {what} {path}: {source}")]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// The kernel's reason.
        source: io::Error,
    },
    /// Waiting failed.
    #[error("store: {what}: {source}")]
    Wait {
        /// The system call.
        what: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl StoreError {
    /// Whether another store stands in the way.
    #[must_use]
    pub fn is_already_running(&self) -> bool {
        use StoreError::{AlreadyLocked, AlreadyServing, Dom0Taken, VirqTaken};
        matches!(self, AlreadyServing { .. } | AlreadyLocked { .. } | VirqTaken | Dom0Taken)
    }
}

/// Waiting failed in this system call.
pub(crate) fn wait(what: &'static str) -> impl Fn(rustix::io::Errno) -> StoreError {
    move |errno| StoreError::Wait { what, source: io::Error::from(errno) }
}
