//! The keeper: holds what must outlive a worker, and reads no byte of a client.
//!
//! ```text
//!   listener -> accept -> a copy stays here, the socket goes to the worker        worker: Gone -> the copy is closed
//!   questions -> the state of a domain -> answer                                  worker ended -> another one goes on (Again)
//!   SIGHUP, or Asked by a client of the worker -> live update: update.rs, successor.rs
//! ```
//!
//! A worker that ends costs nobody anything: sockets, event channels and the state image are here. What a keeper leaves at its own end is
//! the image's file; the next one finds it (Anew), with the sockets of clients gone.

mod claim;
mod hand;
mod inheritance;
mod state;
mod successor;
mod update;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketFlags, accept_with};
use rustix::process::{Resource, getrlimit, setrlimit};
use xen_hv::EventChannels;
use xen_store::server::ConnId;

pub use claim::Claim;
use hand::{Descriptors, Hand};
pub use hand::{Ended, Launch, Process};
pub use inheritance::{Inheritance, InheritedRing, NotTaken, claim as claim_inherited, serve_inherited};
pub use state::MapPages;
use state::State;
use update::Update;

use crate::claims::Claims;
use crate::error::{StoreError, wait};
use crate::pair::{Message, PairError, Received, Word};
use crate::seams::DomainStates;

/// Where stock libxenstore looks (`/var/run` is a link to `/run`).
pub const DEFAULT_SOCKET: &str = "/run/xenstored/socket";

/// What a store of this host needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients connect; made with mode 0600.
    pub socket: PathBuf,
    /// Where everything is kept that must outlive a worker: on tmpfs.
    pub image: PathBuf,
    /// Written once clients can connect: stock start scripts wait for it.
    pub pid_file: Option<PathBuf>,
    /// Words for a program that takes over and whose asker says none.
    pub words: Vec<String>,
}

/// What the keeper has of the host.
pub struct Host {
    /// Event channels, of which the worker gets a copy.
    pub events: Arc<dyn EventChannels>,
    /// What was claimed by them.
    pub claims: Claims,
    /// Who knows the answers to the worker's questions.
    pub domains: Box<dyn DomainStates>,
    /// Maps the state image.
    pub pages: MapPages,
}

/// What the keeper is told from outside, by descriptors that become readable.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// It shall end.
    pub end: BorrowedFd<'a>,
    /// It shall replace its worker; it reads what is there.
    pub update: BorrowedFd<'a>,
}

/// Clients that one wake-up accepts.
const ACCEPTS_PER_TURN: usize = 64;
/// Descriptors that are left for other things than clients.
const SPARE: usize = 64;
/// Workers in a row that may end before they serve.
const ATTEMPTS: u32 = 3;
/// A worker that served this long did not fail at its start.
const SETTLED: Duration = Duration::from_secs(10);
/// The longest wait before another worker is started after one that failed.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);

struct Keeper<'a> {
    config: Config,
    claim: Claim,
    host: Host,
    state: State,
    launch: Launch<'a>,
    told: Told<'a>,
    /// Once somebody serves.
    listener: Option<OwnedFd>,
    worker: Hand,
    /// Since when it serves, or was started.
    since: Instant,
    /// How the next worker begins.
    start: Word,
    /// Workers in a row that ended soon.
    failures: u32,
    /// Workers in a row that ended before they served.
    unserved: u32,
    /// The last one was not killed by anybody.
    crashed: bool,
    update: Update,
    /// Why nothing came of a live update that the next worker will be asked for again.
    refused: Option<String>,
    /// A copy of every client's socket.
    clients: BTreeMap<ConnId, OwnedFd>,
    /// The number of the last client.
    last: u64,
    /// Out of descriptors: nobody is accepted until somebody leaves.
    full: bool,
}

/// Serves until it is told to end. `host` is called after it is certain that no other store serves this socket, so that nothing of the host
/// is touched before.
pub fn serve(
    config: Config,
    host: impl FnOnce() -> Result<Host, StoreError>,
    launch: Launch<'_>,
    told: Told<'_>,
) -> Result<(), StoreError> {
    let claim = Claim::take(&config.socket)?;
    let host = host()?;
    let state = State::open(&config.image, host.pages)?;
    let (start, last) = match state.image() {
        Ok(image) => (Word::Anew, image.next_connection()),
        Err(StoreError::Image(why)) => {
            tracing::info!("store: {}: {why}; beginning with an empty store", config.image.display());
            (Word::Begin, 0)
        }
        Err(error) => return Err(error),
    };
    raise_descriptor_limit();
    let mut keeper = Keeper::new((config, claim, host, state), launch, told, start)?;
    keeper.last = last;
    if !keeper.bring_up()? {
        return Ok(());
    }
    keeper.listener = Some(keeper.claim.listen()?);
    let pid_file = keeper.config.pid_file.as_deref().map(claim::write_pid_file).transpose()?;
    tracing::info!("store: serving {}", keeper.config.socket.display());
    let end = keeper.run();
    drop(pid_file);
    end
}

impl<'a> Keeper<'a> {
    fn new(
        (config, claim, host, state): (Config, Claim, Host, State),
        mut launch: Launch<'a>,
        told: Told<'a>,
        start: Word,
    ) -> Result<Keeper<'a>, StoreError> {
        let worker = Hand::launch(&mut launch, None)?;
        Ok(Keeper {
            config,
            claim,
            host,
            state,
            launch,
            told,
            listener: None,
            worker,
            since: Instant::now(),
            start,
            failures: 0,
            unserved: 0,
            crashed: false,
            update: Update::None,
            refused: None,
            clients: BTreeMap::new(),
            last: 0,
            full: false,
        })
    }

    /// Keeps until somebody serves; `false` where it is time to end before.
    fn bring_up(&mut self) -> Result<bool, StoreError> {
        while !self.worker.serves {
            if !self.turn()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn run(&mut self) -> Result<(), StoreError> {
        while self.turn()? {}
        Ok(())
    }

    /// Waits for something to happen and does what it asks for; `false` when it is time to end, and the worker has.
    fn turn(&mut self) -> Result<bool, StoreError> {
        let [end, update, connects, speaks, asks, next_speaks, next_asks] = self.wait()?;
        if end {
            self.end();
            return Ok(false);
        }
        if asks && let Err(error) = self.worker.answers.answer(self.host.domains.as_mut()) {
            self.worker_failed(&error)?;
        }
        if next_asks {
            self.answer_next();
        }
        if speaks {
            self.listen()?;
        }
        if next_speaks || self.update.is_late() {
            self.listen_to_next()?;
        }
        if update {
            self.update_told()?;
        }
        if connects {
            self.accept()?;
        }
        self.flush()?;
        Ok(true)
    }

    /// What is ready, in the order of `turn`.
    fn wait(&self) -> Result<[bool; 7], StoreError> {
        let none = PollFlags::empty();
        let accepts = !self.full && !self.worker.is_behind() && self.update.lets_clients_in();
        let listener = self.listener.as_ref().filter(|_| accepts).map(AsFd::as_fd);
        let next = self.update.next();
        // Whoever is not there is nobody who can be ready.
        let nobody = self.told.end;
        let all = [
            (self.told.end, PollFlags::IN),
            (self.told.update, PollFlags::IN),
            listener.map_or((nobody, none), |listener| (listener, PollFlags::IN)),
            (self.worker.as_fd(), self.worker.awaited()),
            (self.worker.answers.as_fd(), PollFlags::IN),
            next.map_or((nobody, none), |next| (next.as_fd(), next.awaited())),
            next.map_or((nobody, none), |next| (next.answers.as_fd(), PollFlags::IN)),
        ];
        let there = [true, true, listener.is_some(), true, true, next.is_some(), next.is_some()];
        let mut polled = all.each_ref().map(|(descriptor, flags)| PollFd::from_borrowed_fd(*descriptor, *flags));
        let timeout = self.update.deadline().and_then(|by| Timespec::try_from(by.saturating_duration_since(Instant::now())).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(wait("poll")(error)),
        }
        let mut ready = polled.map(|one| !one.revents().is_empty());
        ready.iter_mut().zip(there).for_each(|(ready, there)| *ready &= there);
        Ok(ready)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let (image, events) = (self.state.as_fd(), self.host.events.ready());
        let with = Descriptors { image, events, clients: &self.clients };
        if let Some(next) = self.update.next_mut() {
            // One that is gone is noticed when it is listened to.
            let _ = next.flush(&with);
        }
        match self.worker.flush(&with) {
            Ok(()) => Ok(()),
            Err(error) => self.worker_failed(&error.into()),
        }
    }

    fn accept(&mut self) -> Result<(), StoreError> {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = &self.listener else { return Ok(()) };
            match accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Ok(socket) => {
                    self.last += 1;
                    self.clients.insert(ConnId(self.last), socket);
                    self.worker.say(Message::about(Word::Client, self.last));
                }
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(error) => {
                    self.is_full(&error.to_string());
                    return Ok(());
                }
            }
            if self.clients.len() >= most_clients() {
                self.is_full("as many are connected as descriptors allow");
                return Ok(());
            }
        }
        Ok(())
    }

    fn is_full(&mut self, why: &str) {
        self.full = true;
        tracing::warn!("store: accepts no client: {why}; those who wait are served when others leave");
    }

    /// Hears everything that the worker says.
    fn listen(&mut self) -> Result<(), StoreError> {
        loop {
            match self.worker.hear() {
                Ok(Received::Nothing) => return Ok(()),
                Ok(Received::Message(message, _)) => self.hear(&message)?,
                Ok(Received::End) => return self.worker_failed(&StoreError::Alone),
                Err(error) => return self.worker_failed(&error.into()),
            }
        }
    }

    fn hear(&mut self, message: &Message) -> Result<(), StoreError> {
        match message.word {
            Word::Gone => {
                self.full = false;
                match self.clients.remove(&ConnId(message.number)) {
                    Some(_) => Ok(()),
                    None => self.worker_failed(&PairError::Nonsense("that a client left whom it was never given").into()),
                }
            }
            Word::Ready => {
                self.worker.ready = true;
                self.begin_worker()
            }
            Word::Serving => {
                self.worker.serves = true;
                self.since = Instant::now();
                self.start = Word::Again;
                Ok(())
            }
            Word::Asked => self.update_asked(&message.text),
            Word::Aborted => self.update_aborted(),
            Word::Frozen => self.worker_is_frozen(),
            _ => self.worker_failed(&PairError::Nonsense("a word that is the keeper's").into()),
        }
    }

    /// Gives the worker everything, and lets it begin.
    fn begin_worker(&mut self) -> Result<(), StoreError> {
        if self.start == Word::Begin {
            self.state.clear()?;
        }
        let start = Message::about(self.start, self.crashed.into());
        give(&mut self.worker, &self.host.claims, &self.clients, start);
        Ok(())
    }

    /// The worker is gone, or talks nonsense: another one goes on.
    fn worker_failed(&mut self, why: &StoreError) -> Result<(), StoreError> {
        self.give_update_up();
        let ended = self.worker.end();
        tracing::error!("store: the worker ended: {ended}; {why}");
        // One that talked nonsense was killed by us, and not against its will.
        self.crashed = !ended.killed || matches!(why, StoreError::Pair(_));
        let crash = u32::from(self.crashed);
        let (served, settled) = (self.worker.serves, self.since.elapsed() > SETTLED);
        self.failures = if served && settled { crash } else { self.failures + crash };
        self.unserved = if served { 0 } else { self.unserved + crash };
        if self.failures > 1 && self.crashed {
            std::thread::sleep(Duration::from_millis(10).saturating_mul(1 << self.failures.min(10)).min(BACK_OFF_MAX));
        }
        self.worker = Hand::launch(&mut self.launch, None)?;
        self.since = Instant::now();
        if self.unserved < ATTEMPTS {
            return Ok(());
        }
        match self.start {
            Word::Begin | Word::Adopt => Err(StoreError::NoWorker),
            _ => {
                tracing::error!("store: no worker can take up {}; beginning with an EMPTY store", self.config.image.display());
                self.clients.clear();
                (self.start, self.unserved) = (Word::Begin, 0);
                Ok(())
            }
        }
    }

    fn end(&mut self) {
        self.give_update_up();
        let ended = self.end_worker();
        tracing::info!("store: the worker ended: {ended}");
    }

    /// The worker writes everything down and ends.
    fn end_worker(&mut self) -> Ended {
        let (image, events) = (self.state.as_fd(), self.host.events.ready());
        self.worker.end_in_peace(&Descriptors { image, events, clients: &self.clients })
    }
}

/// Everything that a worker needs, and the word that begins.
fn give(worker: &mut Hand, claims: &Claims, clients: &BTreeMap<ConnId, OwnedFd>, start: Message) {
    worker.say(Message::of(Word::Image));
    worker.say(Message::about(Word::Events, claims.virq.0.into()));
    if let Some(dom0) = claims.dom0 {
        worker.say(Message::about(Word::Dom0, (u64::from(dom0.local.0) << 32) | u64::from(dom0.remote.0)));
    }
    clients.keys().for_each(|conn| worker.say(Message::about(Word::Client, conn.0)));
    worker.say(start);
}

/// Takes as many descriptors as the host allows: one per client, here and in the worker.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("store: cannot raise the limit on open files: {error}");
    }
}

fn most_clients() -> usize {
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
    limit.unwrap_or(usize::MAX).saturating_sub(SPARE)
}
