//! What the program before this one in the same process left open: the way into a take-over.
//!
//! ```text
//!   exec by another xenstored -> dump -> Server::load -> listening socket, event channels, client sockets by their numbers -> Store::adopt
//!                                 |          |                          |                                                       |
//!                                 \----------+--------------------------+-- anything fails: nothing was changed, the dump can be given back
//! ```

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::net::SocketAddrAny;
use xen_store::server::ConnId;

use super::{Claim, Serving, raise_descriptor_limit, run};
use crate::error::StoreError;
use crate::store::Store;

/// A store that goes on with another's clients.
pub struct Inheritance {
    /// What was loaded, with its rings.
    pub store: Store,
    /// The listening socket.
    pub listener: OwnedFd,
    /// Sockets of clients.
    pub clients: Vec<(ConnId, OwnedFd)>,
    /// The right to serve its socket: see [`claim`].
    pub claim: Claim,
    /// The file that it was loaded from: removed once everything is in our hands.
    pub dump: PathBuf,
    /// What a program that takes over from us finds as its words where its own are not said.
    pub words: Vec<String>,
}

/// Keeps others from an inherited socket.
pub fn claim(listener: &OwnedFd) -> Result<Claim, StoreError> {
    Claim::adopt(&path_of(listener).unwrap_or_else(|| super::DEFAULT_SOCKET.into()))
}

/// Serves what was inherited until `shutdown` becomes readable.
pub fn serve_inherited(inheritance: Inheritance, shutdown: BorrowedFd<'_>) -> Result<(), StoreError> {
    let Inheritance { store, listener, clients, claim, dump, words } = inheritance;
    let socket = claim.socket().to_owned();
    for descriptor in clients.iter().map(|(_, client)| client.as_fd()).chain([listener.as_fd()]) {
        make_ours(descriptor)?;
    }
    if let Err(error) = std::fs::remove_file(&dump) {
        tracing::warn!("store: cannot remove {}: {error}", dump.display());
    }
    tracing::info!("store: took over {} with {} clients", socket.display(), clients.len());
    raise_descriptor_limit();
    let serving = Serving { store, clients, run_directory: run_directory(&socket), words };
    let end = run(serving, listener.as_fd(), shutdown);
    drop(claim);
    end
}

/// Non-blocking, and not for children.
fn make_ours(descriptor: BorrowedFd<'_>) -> Result<(), StoreError> {
    let done = rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC).and_then(|()| rustix::io::ioctl_fionbio(descriptor, true));
    done.map_err(super::wait("fcntl"))
}

/// Where clients connect.
fn path_of(listener: &OwnedFd) -> Option<PathBuf> {
    let address: SocketAddrAny = rustix::net::getsockname(listener).ok()?;
    let address = rustix::net::SocketAddrUnix::try_from(address).ok()?;
    let bytes = address.path_bytes()?;
    Some(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)))
}

/// Where stock daemons look for what another one left: `$XENSTORED_RUNDIR`, or where the socket is.
pub(super) fn run_directory(socket: &Path) -> PathBuf {
    let named = std::env::var_os("XENSTORED_RUNDIR").map(PathBuf::from);
    named.or_else(|| Some(socket.parent()?.to_owned())).unwrap_or_default()
}
