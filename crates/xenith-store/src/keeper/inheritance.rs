//! What the program before this one in the same process left open: the way into a take-over.
//!
//! ```text
//!   exec by another xenstored -> dump -> Server::load -> listening socket, event channels, client sockets by their numbers
//!                                                         -> state image -> a worker adopts it -> Serving, the dump is removed
//!   anything fails before that: nothing was changed, everything is open as it was, the dump can be given back
//! ```

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Instant;

use rustix::net::SocketAddrAny;
use xen_abi::{Gfn, Port};
use xen_store::image::ImageError;
use xen_store::server::{ConnId, RingState, Server};

use super::hand::{Hand, Launch};
use super::state::State;
use super::update::Update;
use super::{Claim, Config, Host, Keeper, Told, raise_descriptor_limit};
use crate::error::StoreError;
use crate::pair::Word;

/// A ring that another xenstored served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InheritedRing {
    /// Its connection.
    pub conn: ConnId,
    /// Our port of it; 0 where there is none.
    pub local: Port,
    /// The domain's port; 0 where it is not known: then it cannot be bound again.
    pub remote: Port,
}

/// A store that goes on with another's clients.
pub struct Inheritance {
    /// What was loaded.
    pub server: Server,
    /// Its rings.
    pub rings: Vec<InheritedRing>,
    /// The listening socket.
    pub listener: OwnedFd,
    /// Sockets of clients.
    pub clients: Vec<(ConnId, OwnedFd)>,
    /// The right to serve its socket: see [`claim`].
    pub claim: Claim,
    /// The file that it was loaded from: removed once everything is in our hands.
    pub dump: PathBuf,
    /// The domain exception interrupt was bound for this, and must be free for whoever it is given back to.
    pub virq_is_new: bool,
}

/// Nothing came of a take-over: everything is open as the program before us left it, and will be for the next.
#[derive(Debug)]
pub struct NotTaken(pub StoreError);

/// Keeps others from an inherited socket.
pub fn claim(listener: &OwnedFd) -> Result<Claim, StoreError> {
    Claim::adopt(&path_of(listener).unwrap_or_else(|| super::DEFAULT_SOCKET.into()))
}

/// Serves what was inherited until it is told to end. `config.socket` is where clients connect.
pub fn serve_inherited(
    config: Config,
    inheritance: Inheritance,
    host: Host,
    launch: Launch<'_>,
    told: Told<'_>,
) -> Result<Result<(), StoreError>, NotTaken> {
    let dump = inheritance.dump.clone();
    let mut keeper = take(config, inheritance, host, launch, told)?;
    if let Err(error) = std::fs::remove_file(&dump) {
        tracing::warn!("store: cannot remove {}: {error}", dump.display());
    }
    tracing::info!("store: took over {} with {} clients", keeper.config.socket.display(), keeper.clients.len());
    Ok(keeper.run())
}

/// Takes everything, or changes nothing.
fn take<'a>(
    config: Config,
    mut inheritance: Inheritance,
    host: Host,
    mut launch: Launch<'a>,
    told: Told<'a>,
) -> Result<Keeper<'a>, NotTaken> {
    let (state, worker) = match prepare(&config, &mut inheritance, &host, &mut launch) {
        Ok(prepared) => prepared,
        Err(error) => {
            let _ = rustix::io::ioctl_fionbio(host.events.ready(), false);
            std::mem::forget((inheritance, host));
            return Err(NotTaken(error));
        }
    };
    let Inheritance { server, listener, clients, claim, virq_is_new, .. } = inheritance;
    let (listener, clients, last) = (Some(listener), clients.into_iter().collect(), server.next_connection());
    let (since, start, failures, unserved, crashed) = (Instant::now(), Word::Adopt, 0, 0, false);
    let (update, refused, full) = (Update::None, None, false);
    // From here on the image is the worker's.
    drop(server);
    let mut keeper = Keeper {
        config,
        claim,
        host,
        state,
        launch,
        told,
        listener,
        worker,
        since,
        start,
        failures,
        unserved,
        crashed,
        update,
        refused,
        clients,
        last,
        full,
    };
    raise_descriptor_limit();
    keeper.share_descriptors(false);
    match keeper.bring_up() {
        // One that is told to end at once finds that out once more.
        Ok(_) => Ok(keeper),
        Err(error) => {
            keeper.give_back(virq_is_new);
            Err(NotTaken(error))
        }
    }
}

/// The image of what was loaded, and somebody to take it up.
fn prepare(config: &Config, inheritance: &mut Inheritance, host: &Host, launch: &mut Launch<'_>) -> Result<(State, Hand), StoreError> {
    let state = State::open(&config.image, host.pages)?;
    for ring in &inheritance.rings {
        let local = Some(ring.local).filter(|port| *port != Port(0));
        let state = RingState { gfn: Gfn(0), remote: ring.remote, local, req_cons: 0, rsp_prod: 0, stalled: false };
        inheritance.server.set_ring(ring.conn, state);
    }
    inheritance.server.keep(state.empty()?);
    if inheritance.server.is_spoilt() {
        return Err(ImageError::Spoilt.into());
    }
    Ok((state, Hand::launch(launch, None)?))
}

impl Keeper<'_> {
    /// As it was, for whoever is started next: everything stays open.
    fn give_back(mut self, virq_is_new: bool) {
        self.worker.end();
        if virq_is_new {
            let _ = self.host.events.unbind(self.host.claims.virq);
        }
        self.share_descriptors(true);
        std::mem::forget(self);
    }
}

/// Where clients connect.
fn path_of(listener: &OwnedFd) -> Option<PathBuf> {
    let address: SocketAddrAny = rustix::net::getsockname(listener).ok()?;
    let address = rustix::net::SocketAddrUnix::try_from(address).ok()?;
    let bytes = address.path_bytes()?;
    Some(PathBuf::from(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)))
}
