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
use crate::viewers::{View, ViewerId};
use client::{Client, Fate, Stage, read_some};
use pty::Ptys;
use wait::{Source, wait};

/// How long to wait before a store that does not answer is asked again.
const STORE_RETRY_MS: u64 = 200;
/// Connections taken in one turn.
const ACCEPTS_PER_TURN: usize = 64;
/// Keys taken from one viewer at once, in bytes.
const KEYS_AT_ONCE: usize = 1024;
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

    /// Clients and open terminals, with what each is polled for.
    fn viewing(&self) -> impl Iterator<Item = (Source, BorrowedFd<'_>, PollFlags)> {
        let clients = self.clients.iter().map(|(id, client)| {
            let mut flags = PollFlags::empty();
            match &client.stage {
                Stage::Asking(_) => flags |= PollFlags::IN,
                Stage::Viewing { domid, full, mute, .. } => {
                    flags.set(PollFlags::IN, !mute && self.console.input_room(*domid) > 0);
                    flags.set(PollFlags::OUT, *full);
                }
                Stage::Reading(_) => flags |= PollFlags::OUT,
                Stage::Ending => {}
            }
            flags.set(PollFlags::OUT, flags.contains(PollFlags::OUT) || !client.reply.is_empty());
            (Source::Client(*id), client.stream.as_fd(), flags)
        });
        let open = self.ptys.table.iter().filter(|(_, pty)| pty.viewer.is_some());
        clients.chain(open.map(|(id, pty)| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::IN, self.console.input_room(pty.domid) > 0);
            flags.set(PollFlags::OUT, pty.full);
            (Source::Terminal(*id), pty.master.as_fd(), flags)
        }))
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

    fn opened(&mut self, id: u64) {
        if let Some(pty) = self.ptys.table.get_mut(&id) {
            pty.viewer = self.console.attach(pty.domid, true);
        }
    }

    /// Shows every viewer that is not full what it has not seen.
    fn show_all(&mut self) {
        let clients: Vec<u64> = self.clients.iter().filter(|(_, client)| client.waits_for_output()).map(|(id, _)| *id).collect();
        for id in clients {
            self.show(id);
        }
        let terminals: Vec<u64> = self.ptys.table.iter().filter(|(_, pty)| pty.viewer.is_some() && !pty.full).map(|(id, _)| *id).collect();
        for id in terminals {
            self.show_terminal(id);
        }
    }

    fn show(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let fate = match client.flush() {
            Ok(false) => Ok(Fate::Stays),
            Ok(true) => show_client(&mut self.console, client),
            Err(error) => Err(error),
        };
        if !matches!(fate, Ok(Fate::Stays)) {
            self.drop_client(id);
        }
    }

    fn show_terminal(&mut self, id: u64) {
        let Some(pty) = self.ptys.table.get_mut(&id) else { return };
        let Some(viewer) = pty.viewer else { return };
        let shown = self.console.pump(viewer, |bytes| rustix::io::write(&pty.master, bytes).map_err(Into::into));
        pty.full = matches!(shown, Ok(View::Full));
        match shown {
            Ok(View::Whole | View::Full) => {}
            Ok(View::Ended) => self.ptys.linger(id, self.now_ms()),
            Err(_) => self.hang_up(id),
        }
    }

    fn hang_up(&mut self, id: u64) {
        let Some((viewer, next)) = self.ptys.hang_up(id) else { return };
        self.console.detach(viewer);
        if next {
            self.opened(id);
        }
    }

    fn terminal_ready(&mut self, id: u64, flags: PollFlags) {
        let Some(pty) = self.ptys.table.get(&id) else { return };
        if flags.contains(PollFlags::IN) {
            let mut keys = vec![0; self.console.input_room(pty.domid).min(KEYS_AT_ONCE)];
            if let Ok(count) = rustix::io::read(&pty.master, keys.as_mut_slice()) {
                self.console.input(pty.domid, keys.get(..count).unwrap_or_default());
            }
        }
        if flags.contains(PollFlags::HUP) {
            return self.hang_up(id);
        }
        if flags.contains(PollFlags::OUT) {
            self.show_terminal(id);
        }
    }

    fn drop_client(&mut self, id: u64) {
        if let Some(Client { stage: Stage::Viewing { viewer, .. }, .. }) = self.clients.remove(&id) {
            self.console.detach(viewer);
        }
    }

    fn client_ready(&mut self, id: u64, flags: PollFlags) {
        // What a client sent before it went away is still heard, as far as there is room for it.
        if flags.contains(PollFlags::IN) && self.hear(id).is_err() {
            return self.drop_client(id);
        }
        let gone = flags.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
        if gone && !flags.contains(PollFlags::IN) {
            return self.drop_client(id);
        }
        self.show(id);
    }

    /// Reads what a client sends: its request, then keys.
    fn hear(&mut self, id: u64) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        match &mut client.stage {
            Stage::Asking(_) => self.hear_request(id),
            Stage::Viewing { domid, mute, .. } => {
                let room = self.console.input_room(*domid).min(KEYS_AT_ONCE);
                match read_some(&client.stream, room)? {
                    Some(keys) => drop(self.console.input(*domid, &keys)),
                    None => *mute = true,
                }
                Ok(())
            }
            Stage::Reading(_) | Stage::Ending => Ok(()),
        }
    }
}

/// Lets a client see what it is owed, its reply being out.
fn show_client(console: &mut Console<SocketTransport>, client: &mut Client) -> io::Result<Fate> {
    match &mut client.stage {
        Stage::Asking(_) => Ok(Fate::Stays),
        Stage::Reading(_) => client.send_log(),
        Stage::Ending => Ok(Fate::Goes),
        Stage::Viewing { viewer, full, .. } => {
            let view = pump(console, *viewer, &client.stream)?;
            *full = view == View::Full;
            Ok(if view == View::Ended { Fate::Goes } else { Fate::Stays })
        }
    }
}

fn pump(console: &mut Console<SocketTransport>, viewer: ViewerId, mut stream: &UnixStream) -> io::Result<View> {
    use std::io::Write;
    console.pump(viewer, |bytes| stream.write(bytes))
}
