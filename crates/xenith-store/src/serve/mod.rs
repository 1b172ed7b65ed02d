//! Sockets and waiting.
//!
//! ```text
//!   epoll:   shutdown descriptor -> end     listener -> accept     event channels -> Store::turn
//!            client readable -> read what the core has room for    client writable -> send what it is owed
//!   A client whose replies nobody reads is not polled for reading; idle clients cost nothing.
//! ```

mod claim;
mod clients;
mod handover;
mod inheritance;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};

pub use claim::Claim;
use clients::Clients;
pub use inheritance::{Inheritance, claim as claim_inherited, serve_inherited};

use xen_store::server::ConnId;

use crate::boot::BootNodes;
use crate::error::StoreError;
use crate::seams::Seams;
use crate::store::Store;

/// Where stock libxenstore looks (`/var/run` is a link to `/run`).
pub const DEFAULT_SOCKET: &str = "/run/xenstored/socket";

/// What a store of this host needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect; made with mode 0600.
    pub socket: PathBuf,
    /// Written once clients can connect: stock start scripts wait for it.
    pub pid_file: Option<PathBuf>,
    /// The nodes of dom0 and of CPU pools.
    pub nodes: BootNodes,
    /// Words for a program that takes over and whose asker says none.
    pub words: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        Config { socket: DEFAULT_SOCKET.into(), pid_file: None, nodes: BootNodes::default(), words: Vec::new() }
    }
}

/// Clients that one wake-up accepts.
const ACCEPTS_PER_TURN: usize = 64;

const SHUTDOWN: u64 = 0;
const LISTENER: u64 = 1;
const EVENTS: u64 = 2;
/// Client tokens are their connection's number and this.
const CLIENTS: u64 = 3;

/// Serves until `shutdown` becomes readable. `seams` is `None` for a store without a hypervisor; it is called after it is certain that no
/// other store serves this socket, so that nothing of the host is touched before.
pub fn serve(
    config: &Config,
    seams: impl FnOnce() -> Result<Option<Seams>, StoreError>,
    shutdown: BorrowedFd<'_>,
) -> Result<(), StoreError> {
    let claim = Claim::take(&config.socket)?;
    let store = match seams()? {
        Some(seams) => Store::start(seams, &config.nodes)?,
        None => Store::standalone(&config.nodes),
    };
    let listener = claim.listen()?;
    let pid_file = config.pid_file.as_deref().map(claim::write_pid_file).transpose()?;
    tracing::info!("store: serving {}", config.socket.display());
    raise_descriptor_limit();
    let serving =
        Serving { store, clients: Vec::new(), run_directory: inheritance::run_directory(&config.socket), words: config.words.clone() };
    let end = run(serving, listener.as_fd(), shutdown);
    drop(pid_file);
    drop(claim);
    end
}

/// Whoever waits on descriptors, and for what.
struct Loop<'a> {
    epoll: BorrowedFd<'a>,
    listener: BorrowedFd<'a>,
    clients: Clients<'a>,
    store: Store,
    /// Out of descriptors: nobody is accepted until somebody leaves.
    full: bool,
    /// When the core's time began.
    started: Instant,
    /// When a hand-over was asked for that is not answered yet.
    handover_since: Option<Duration>,
    run_directory: PathBuf,
    words: Vec<String>,
}

/// What a loop begins with.
struct Serving {
    store: Store,
    /// Clients that are connected already.
    clients: Vec<(ConnId, OwnedFd)>,
    /// Where the next program looks for our dump.
    run_directory: PathBuf,
    /// Its words, where its asker says none.
    words: Vec<String>,
}

fn run(serving: Serving, listener: BorrowedFd<'_>, shutdown: BorrowedFd<'_>) -> Result<(), StoreError> {
    let Serving { store, clients: connected, run_directory, words } = serving;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(wait("epoll_create"))?;
    let watch = |fd: BorrowedFd<'_>, token| {
        epoll::add(&epoll, fd, epoll::EventData::new_u64(token), epoll::EventFlags::IN).map_err(wait("epoll_ctl"))
    };
    watch(shutdown, SHUTDOWN)?;
    watch(listener, LISTENER)?;
    let channels = store.seams().map(|seams| seams.events.clone());
    if let Some(channels) = &channels {
        watch(channels.ready(), EVENTS)?;
    }
    let mut clients = Clients::new(epoll.as_fd());
    let mut store = store;
    for (conn, socket) in connected {
        clients.add_as(conn, socket, &mut store);
    }
    let (full, started) = (false, Instant::now());
    let mut serving = Loop { epoll: epoll.as_fd(), listener, clients, store, full, started, handover_since: None, run_directory, words };
    while serving.turn()? {}
    Ok(())
}

impl Loop<'_> {
    /// Waits for something to happen and does what it asks for; `false` when it is time to end.
    fn turn(&mut self) -> Result<bool, StoreError> {
        self.store.work();
        self.clients.settle(&mut self.store);
        self.store.notify_moved();
        self.hand_over();
        self.accept_again_if_somebody_left()?;
        let timeout = self.timeout();
        let mut ready = Vec::with_capacity(256);
        match epoll::wait(self.epoll, spare_capacity(&mut ready), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(wait("epoll_wait")(error)),
        }
        self.store.tick(self.started.elapsed());
        for event in ready {
            let flags = event.flags;
            match event.data.u64() {
                SHUTDOWN => return Ok(false),
                LISTENER => self.accept()?,
                EVENTS => _ = self.store.turn()?,
                token => self.clients.ready(token - CLIENTS, flags, &mut self.store),
            }
        }
        Ok(true)
    }

    /// How long to wait for descriptors: not at all where work is left that nobody announces, and never beyond the core's next deadline.
    fn timeout(&self) -> Option<Timespec> {
        if self.store.has_work() {
            return Some(Timespec::default());
        }
        let deadline = self.store.next_deadline().into_iter().chain(self.handover_deadline()).min()?;
        let left = deadline.saturating_sub(self.started.elapsed());
        Timespec::try_from(left).ok()
    }

    fn accept(&mut self) -> Result<(), StoreError> {
        for _ in 0..ACCEPTS_PER_TURN {
            match accept_with(self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => self.clients.add(socket, &mut self.store),
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => {
                    tracing::warn!("store: cannot accept a client: {error}; those who wait are served when others leave");
                    self.full = true;
                    return self.watch_listener(epoll::EventFlags::empty());
                }
            }
        }
        Ok(())
    }

    fn accept_again_if_somebody_left(&mut self) -> Result<(), StoreError> {
        if self.clients.take_left() && std::mem::take(&mut self.full) {
            self.watch_listener(epoll::EventFlags::IN)?;
        }
        Ok(())
    }

    fn watch_listener(&self, flags: epoll::EventFlags) -> Result<(), StoreError> {
        epoll::modify(self.epoll, self.listener, epoll::EventData::new_u64(LISTENER), flags).map_err(wait("epoll_ctl"))
    }
}

/// Takes as many descriptors as the host allows: one per client.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("store: cannot raise the limit on open files: {error}");
    }
}

fn wait(what: &'static str) -> impl Fn(Errno) -> StoreError {
    move |errno| StoreError::Wait { what, source: io::Error::from(errno) }
}
