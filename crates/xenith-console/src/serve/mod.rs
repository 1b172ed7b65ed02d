//! Descriptors around [`Console`]: the socket for viewers, terminals, the store, the end.
//!
//! ```text
//!   poll:  shutdown --> end       event channels, store --> Console::turn       listener --> accept
//!          inotify --> a terminal was opened: a viewer more     clients, open terminals --> keys in, output out
//! ```
//!
//! The set of descriptors is made anew for each poll: it holds no domains, only who looks at one, which is a handful. A viewer is polled for
//! writing only while it is full, and for reading only while its console takes keys.

mod client;
mod listen;
pub mod protocol;
mod pty;
mod requests;
mod viewing;
mod wait;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;
use xen_hv::{EventChannels, GrantMaps};
use xen_store::client::SocketTransport;

use crate::config::Config;
use crate::console::{Console, Means, Turn};
use crate::log::disk::Directory;
use client::Client;
use pty::Ptys;
use wait::{Source, wait};

/// How long to wait before a store that does not answer is asked again.
const STORE_RETRY_MS: u64 = 200;
/// Connections taken in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Connections there may be: root's tools open them, and control one per viewer.
const CLIENTS_MAX: usize = 4096;

/// Why the role ends, other than being asked to.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another console role serves the socket.
    #[error("another console role serves {0}; stop it first")]
    AlreadyRunning(String),
    /// Something of the host is missing.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl ServeError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> ServeError {
        let what = what.into();
        move |source| ServeError::Io { what, source }
    }
}

/// Serves every console of the host until `shutdown` becomes readable. A store that is not there yet, or goes away, is waited for.
pub fn serve(
    config: Config,
    events: Arc<dyn EventChannels>,
    grants: Arc<dyn GrantMaps>,
    shutdown: BorrowedFd<'_>,
) -> Result<(), ServeError> {
    let listener = listen::listen(&config.socket)?;
    let logs = Directory::open(&config.log_dir).map_err(ServeError::io(format!("log directory {}", config.log_dir.display())))?;
    let boot_id = std::fs::read_to_string(BOOT_ID).map_err(ServeError::io(BOOT_ID))?.trim().to_owned();
    let ptys = Ptys::new().map_err(ServeError::io("inotify"))?;
    tracing::info!("console: serving {}", config.socket.display());
    let console = Console::new(config, Means { events: Arc::clone(&events), grants, logs: Arc::new(logs), boot_id });
    let mut server = Server { console, ptys, clients: BTreeMap::new(), next_client: 0, start: Instant::now(), store_due_ms: Some(0) };
    let result = server.run(&listener, events.as_ref(), shutdown);
    listen::remove(&server.console.config.socket);
    result
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

struct Server {
    console: Console<SocketTransport>,
    ptys: Ptys,
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    start: Instant,
    /// When to connect to the store; none while it is connected.
    store_due_ms: Option<u64>,
}

impl Server {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn run(&mut self, listener: &UnixListener, events: &dyn EventChannels, shutdown: BorrowedFd<'_>) -> Result<(), ServeError> {
        loop {
            self.connect_store();
            let now_ms = self.now_ms();
            let turn = self.console.turn(now_ms, &mut self.ptys);
            self.show_all();
            let wait_ms = self.wait_ms(turn);
            let mut sources = vec![
                (Source::Shutdown, shutdown, PollFlags::IN),
                (Source::Events, events.ready(), PollFlags::IN),
                (Source::Opened, self.ptys.opened(), PollFlags::IN),
            ];
            sources.extend((self.clients.len() < CLIENTS_MAX).then_some((Source::Listener, listener.as_fd(), PollFlags::IN)));
            sources.extend(self.console.transport().map(|store| (Source::Store, store.as_fd(), PollFlags::IN)));
            sources.extend(self.viewing());
            for (source, flags) in wait(&sources, wait_ms).map_err(ServeError::io("poll"))? {
                match source {
                    Source::Shutdown => return Ok(()),
                    // The next turn takes them.
                    Source::Events | Source::Store => {}
                    Source::Listener => self.accept(listener),
                    Source::Opened => self.ptys.take_opened().into_iter().for_each(|id| self.opened(id)),
                    Source::Client(id) => self.client_ready(id, flags),
                    Source::Terminal(id) => self.terminal_ready(id, flags),
                }
            }
        }
    }

    fn connect_store(&mut self) {
        let now_ms = self.now_ms();
        if self.store_due_ms.is_none_or(|due| due > now_ms) {
            return;
        }
        let path = self.console.config.store_socket.clone();
        let connected =
            UnixStream::connect(&path).map_err(Into::into).and_then(|stream| self.console.connect(SocketTransport::new(stream)));
        self.store_due_ms = match connected {
            Ok(()) => None,
            Err(error) => {
                tracing::debug!("console: store {}: {error}", path.display());
                Some(now_ms + STORE_RETRY_MS)
            }
        };
    }

    fn wait_ms(&mut self, turn: Turn) -> Option<u64> {
        let now_ms = self.now_ms();
        if let Some(error) = turn.store_lost {
            tracing::warn!("console: {error}; consoles go on, new domains are seen once the store is back");
            self.store_due_ms = Some(now_ms + STORE_RETRY_MS);
        }
        let (closed, next) = self.ptys.close_due(now_ms);
        for viewer in closed {
            self.console.detach(viewer);
        }
        let due = [self.store_due_ms, next].into_iter().flatten().min();
        [turn.wait_ms, due.map(|due| due.saturating_sub(now_ms))].into_iter().flatten().min()
    }

    fn accept(&mut self, listener: &UnixListener) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Ok((stream, _)) = listener.accept() else { return };
            if stream.set_nonblocking(true).is_ok() {
                self.clients.insert(self.next_client, Client::new(stream));
                self.next_client += 1;
            }
        }
    }
}
