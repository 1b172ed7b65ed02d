//! The console role without its sockets: a value that is turned.
//!
//! ```text
//!                     store ------ follow (nodes.rs) ----> attach, end
//!                                                            |
//!   event channels --> ready queue --> Session.turn, one ring's worth each, in order of arrival --> log, history
//!                          ^                 | more: at the queue's end    limited: a timer          |
//!                          +-----------------+                                                       v
//!   keys ----------------> input                                                              viewers, ptys (serve.rs)
//! ```
//!
//! [`Console::turn`] does what there is to do, once, and says how long it can wait. Time is a parameter, descriptors are the caller's: the
//! simulator turns the same value that [`crate::serve`] does. Ring bytes go on being served while the store is away.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use xen_abi::{DomId, Port};
use xen_hv::{EventChannels, GrantMaps, SeamError};
use xen_store::client::{Client, ClientError, Transport};

use crate::config::Config;
use crate::log::disk::LogDir;
use crate::nodes::Followed;
use crate::session::Session;
use crate::viewers::Viewers;

/// Events taken in one turn at most, so that a flood of them cannot keep the rings waiting.
const EVENTS_PER_TURN: usize = 256;

/// What the role works with.
#[derive(Clone)]
pub struct Means {
    /// Event channels of our domain.
    pub events: Arc<dyn EventChannels>,
    /// Grants of the domains we serve.
    pub grants: Arc<dyn GrantMaps>,
    /// Where logs are kept.
    pub logs: Arc<dyn LogDir>,
    /// What tells this run of the host from every other (`/proc/sys/kernel/random/boot_id`): domids and ring indices mean nothing after it.
    pub boot_id: String,
}

/// Makes the terminal of a console, whose path goes into the store.
pub trait Terminals {
    /// Makes it and gives its path; none where there can be no terminal.
    fn open(&mut self, domid: DomId) -> Option<String>;
    /// Its domain is gone.
    fn close(&mut self, domid: DomId);
}

/// What a turn leaves.
#[derive(Debug)]
pub struct Turn {
    /// In how many milliseconds to turn again even if nothing happens; none where nothing is due.
    pub wait_ms: Option<u64>,
    /// The store was lost in this turn: [`Console::connect`] again.
    pub store_lost: Option<ClientError>,
}

/// All consoles.
pub struct Console<T> {
    pub(crate) config: Config,
    pub(crate) means: Means,
    pub(crate) client: Option<Client<T>>,
    /// Every domain of the store, served or not.
    pub(crate) followed: BTreeMap<DomId, Followed>,
    /// Those that a timer asked to look at again.
    pub(crate) look_again: BTreeSet<DomId>,
    pub(crate) sessions: BTreeMap<DomId, Session>,
    pub(crate) viewers: Viewers,
    ports: HashMap<Port, DomId>,
    queue: VecDeque<DomId>,
    timers: BTreeSet<(u64, DomId)>,
    pub(crate) now_ms: u64,
}

impl<T: Transport> Console<T> {
    /// A role that serves nobody yet and has no store.
    #[must_use]
    pub fn new(config: Config, means: Means) -> Console<T> {
        Console {
            config,
            means,
            client: None,
            followed: BTreeMap::new(),
            look_again: BTreeSet::new(),
            sessions: BTreeMap::new(),
            viewers: Viewers::default(),
            ports: HashMap::new(),
            queue: VecDeque::new(),
            timers: BTreeSet::new(),
            now_ms: 0,
        }
    }

    /// The store's transport, for polling it.
    #[must_use]
    pub fn transport(&self) -> Option<&T> {
        self.client.as_ref().map(Client::transport)
    }

    /// Whose consoles are served.
    pub fn served(&self) -> impl Iterator<Item = DomId> {
        self.sessions.keys().copied()
    }

    /// Does what there is to do at `now_ms`, milliseconds on a clock that only goes forward.
    pub fn turn(&mut self, now_ms: u64, terminals: &mut dyn Terminals) -> Turn {
        self.now_ms = now_ms;
        self.take_events();
        self.take_timers();
        for _ in 0..self.queue.len() {
            if let Some(domid) = self.queue.pop_front() {
                self.serve(domid);
            }
        }
        let store_lost = self.follow(terminals).err();
        if store_lost.is_some() {
            self.client = None;
        }
        let due = self.timers.first().map(|(due, _)| due.saturating_sub(now_ms));
        Turn { wait_ms: if self.queue.is_empty() { due } else { Some(0) }, store_lost }
    }

    fn take_events(&mut self) {
        for _ in 0..EVENTS_PER_TURN {
            match self.means.events.next_pending() {
                Ok(Some(port)) => self.take_event(port),
                Ok(None) => return,
                Err(error) => {
                    tracing::error!("console: event channels: {error}");
                    return;
                }
            }
        }
    }

    fn take_event(&mut self, port: Port) {
        let Some(domid) = self.ports.get(&port).copied() else { return };
        if let Some(session) = self.sessions.get_mut(&domid) {
            session.set_ready();
            self.enqueue(domid);
        }
    }

    pub(crate) fn enqueue(&mut self, domid: DomId) {
        if self.sessions.get_mut(&domid).is_some_and(|session| !session.set_queued(true)) {
            self.queue.push_back(domid);
        }
    }

    /// Looks at a domain again in `wait_ms`.
    pub(crate) fn wake_in(&mut self, domid: DomId, wait_ms: u64) {
        self.timers.insert((self.now_ms.saturating_add(wait_ms), domid));
    }

    fn take_timers(&mut self) {
        while let Some((due, domid)) = self.timers.first().copied()
            && due <= self.now_ms
        {
            self.timers.pop_first();
            if self.sessions.contains_key(&domid) {
                self.enqueue(domid);
            } else {
                self.look_again.insert(domid);
            }
        }
    }

    fn serve(&mut self, domid: DomId) {
        let Some(session) = self.sessions.get_mut(&domid) else { return };
        session.set_queued(false);
        match session.turn(self.means.events.as_ref(), self.now_ms) {
            Ok(None) => {}
            Ok(Some(0)) => self.enqueue(domid),
            Ok(Some(wait_ms)) => self.wake_in(domid, wait_ms),
            Err(error) => {
                tracing::warn!("{domid} console: {error}; its ring is ignored from now on");
                session.ignore();
            }
        }
    }

    /// Takes a new session in.
    pub(crate) fn insert(&mut self, session: Session) {
        let domid = session.domid;
        self.ports.insert(session.port, domid);
        self.sessions.insert(domid, session);
        self.enqueue(domid);
    }

    /// Ends a session: the rest of its output, the viewers' last bytes, the page, the port.
    pub(crate) fn end(&mut self, domid: DomId) -> Result<(), SeamError> {
        let Some(mut session) = self.sessions.remove(&domid) else { return Ok(()) };
        if let Err(error) = session.finish(self.means.events.as_ref()) {
            tracing::debug!("{domid} console: the last output: {error}");
        }
        self.viewers.end(domid, &session.history);
        self.ports.remove(&session.port);
        let port = session.port;
        session.settled();
        self.means.events.unbind(port)
    }

    /// Takes keys for a console, as many as there is room for, and gives how many. An ended or unknown console swallows them.
    pub fn input(&mut self, domid: DomId, keys: &[u8]) -> usize {
        let Some(session) = self.sessions.get_mut(&domid) else { return keys.len() };
        let taken = session.input(keys);
        self.enqueue(domid);
        taken
    }

    /// How many keys a console takes now.
    #[must_use]
    pub fn input_room(&self, domid: DomId) -> usize {
        self.sessions.get(&domid).map_or(usize::MAX, Session::input_room)
    }

    /// The name of a console's log, without endings.
    #[must_use]
    pub fn log_name(&self, domid: DomId) -> Option<&str> {
        self.sessions.get(&domid).map(Session::log_name)
    }
}
