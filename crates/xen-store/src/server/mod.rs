//! The server core: bytes in, bytes out, and effects that a shell carries out.
//!
//! ```text
//!   shell                                      core
//!   connect(kind) -------------------------->  a connection
//!   room(conn), input(conn, bytes) --------->  parser -> requests -> tree, watches, transactions
//!   while step() {}                            one connection's turn at a time, in the order in which they became ready
//!   while let Some(effect) = next_effect()     Introduce / Query are answered with introduced() / known(); the asker waits meanwhile
//!   for conn in take_dirty()                   connections with something to send
//!     output(conn, ...), sent(conn, n) ----->  makes room: a connection whose client does not read gets no more turns
//!   domain_states(...), disconnect(conn)       what happened outside
//!   tick(now), next_deadline()                 the time: leases of transactions end by it
//! ```
//!
//! No clock, no thread, no descriptor: the simulator and the real role drive the same code. The shell may be split from the core by a process
//! boundary: everything that crosses is a value.

mod connection;
mod connections;
mod deliver;
mod departure;
mod domains;
mod dump;
mod effect;
mod fairness;
pub mod features;
mod handover;
mod keep;
mod load;
mod outbox;
mod report;
mod requests;
mod transaction;
mod turn;
mod watchdog;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use xen_abi::DomId;

pub use connection::{ConnId, ConnKind};
pub use domains::DomainState;
pub use dump::{End, Outside};
pub use effect::{Effect, LiveUpdateRequest, RingError};
pub use fairness::LEASE;
pub use keep::{Mail, RingState};
pub use load::{LoadError, Loaded, LoadedClient, Senseless};
pub use report::{ClientReport, Report, Work};
pub use watchdog::UNREAD;

use crate::path::{self, StorePath};
use crate::perms::Identity;
use crate::quota::{Peaks, Quota};
use crate::tree::Tree;
use crate::watch::{Change, Watches};
use connection::Connection;
use connections::Connections;
use domains::Domains;
use fairness::Fairness;
use outbox::Cause;
use requests::{LiveUpdate, Trace};
use watchdog::Watchdog;

/// A xenstore server without any I/O.
#[derive(Debug)]
pub struct Server {
    tree: Tree,
    /// Grows with every change to the tree; nodes, permissions and domains remember it.
    generation: u64,
    domains: Domains,
    watches: Watches,
    quota: Quota,
    connections: Connections,
    next_connection: u64,
    /// The number of the last ring.
    next_ring: u64,
    /// Connections with a whole request to be looked at, in the order in which they became ready.
    ready: VecDeque<ConnId>,
    /// Connections that got something to send since the shell last asked.
    dirty: Vec<ConnId>,
    effects: VecDeque<Effect>,
    /// Domains that the hypervisor does not know, while one request is looked at.
    absent: BTreeSet<DomId>,
    fairness: Fairness,
    /// What all clients have done since the start.
    work: Work,
    /// What sockets did that are closed.
    tools_left: Work,
    /// The most that was seen of any domain.
    peaks: Peaks,
    live_update: Option<LiveUpdate>,
    trace: Trace,
    held_starts: handover::HeldStarts,
    /// Somebody asks whether the live update that made us is done.
    asked_again: bool,
    /// Where everything is kept that must outlive this process.
    keeping: Option<Box<keep::Keeping>>,
    watchdog: Watchdog,
    /// The domain whose request is looked at, and what its events are tied to once there is one.
    requester: Option<ConnId>,
    cause: Option<Arc<Cause>>,
}

/// Where the numbers of domains' rings begin: those of sockets are below.
const RINGS: u64 = 1 << 32;

impl Server {
    /// A store with the nodes that C xenstored starts with.
    #[must_use]
    pub fn new(quota: Quota) -> Server {
        let mut server = Server {
            tree: Tree::new(),
            generation: 0,
            domains: Domains::new(),
            watches: Watches::default(),
            quota,
            connections: Connections::default(),
            next_connection: 1,
            next_ring: RINGS,
            ready: VecDeque::new(),
            dirty: Vec::new(),
            effects: VecDeque::new(),
            absent: BTreeSet::new(),
            fairness: Fairness::default(),
            work: Work::default(),
            tools_left: Work::default(),
            peaks: Peaks::default(),
            live_update: None,
            trace: Trace::default(),
            held_starts: None,
            asked_again: false,
            keeping: None,
            watchdog: Watchdog::default(),
            requester: None,
            cause: None,
        };
        server.seed(&path::tool::xenstored(), b"");
        server
    }

    /// The nodes, as they are now: a snapshot costs nothing and stays as it is.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Writes a node as the tools would, without a connection. Watches fire.
    pub fn seed(&mut self, path: &StorePath, value: &[u8]) {
        self.generation += 1;
        let found = self.tree.find(path);
        match found.node {
            Some(_) => self.tree.set_value(path, value),
            None => self.tree.create(path, value, &Identity::TOOLS, self.generation),
        }
        let found = self.tree.find(path);
        let seen_by = found.node.into_iter().chain([found.above]).map(|node| node.perms().clone()).collect();
        self.deliver(&[Change::written(path.clone(), seen_by)]);
    }

    /// Takes a client in.
    pub fn connect(&mut self, kind: ConnKind) -> ConnId {
        let id = ConnId(self.next_connection);
        self.connect_as(id, kind);
        id
    }

    /// Takes a client in whom somebody else has numbered. Nobody may have the number yet.
    pub fn connect_as(&mut self, conn: ConnId, kind: ConnKind) {
        if conn.0 < RINGS {
            self.next_connection = self.next_connection.max(conn.0.saturating_add(1));
        }
        self.connections.insert(conn, Connection::new(kind));
    }

    /// Rings have numbers of their own: whoever numbers sockets meets none of them.
    fn connect_ring_as_new(&mut self, domid: DomId) -> ConnId {
        self.next_ring += 1;
        let conn = ConnId(self.next_ring);
        self.connect_as(conn, ConnKind::Ring(domid));
        conn
    }

    /// No client has this number yet, nor a higher one below those of domains' rings.
    #[must_use]
    pub fn next_connection(&self) -> u64 {
        self.next_connection
    }

    /// Forgets a client that went away, with its watches and transactions. A domain's ring goes with its domain instead.
    pub fn disconnect(&mut self, conn: ConnId) {
        self.drop_watches(conn);
        self.abandon_output(conn);
        if let Some(connection) = self.connections.remove(&conn).filter(|connection| connection.kind == ConnKind::Socket) {
            self.tools_left.add(&connection.work);
        }
        self.fairness.forget(conn);
    }

    /// Whether a client is still here.
    #[must_use]
    pub fn is_connected(&self, conn: ConnId) -> bool {
        self.connections.contains_key(&conn)
    }

    /// The next thing that the shell must do.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Connections that got something to send since the last call, each once.
    pub fn take_dirty(&mut self) -> Vec<ConnId> {
        let dirty = std::mem::take(&mut self.dirty);
        for conn in &dirty {
            if let Some(connection) = self.connections.get_mut(conn) {
                connection.dirty = false;
            }
        }
        dirty
    }

    /// Whether there is something to send.
    #[must_use]
    pub fn has_output(&self, conn: ConnId) -> bool {
        self.connections.get(&conn).is_some_and(|connection| !connection.outbox.is_empty())
    }

    /// Appends up to `max` bytes to send to `into`. They stay here until [`Server::sent`] says that they are gone.
    pub fn output(&self, conn: ConnId, max: usize, into: &mut Vec<u8>) {
        if let Some(connection) = self.connections.get(&conn) {
            connection.outbox.peek(max, into);
        }
    }

    /// The client's socket or ring took this many bytes.
    pub fn sent(&mut self, conn: ConnId, bytes: usize) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.outbox.sent(bytes);
            self.wake_causes(conn);
            self.wake(conn);
        }
    }

    /// The connection of a domain's ring.
    #[must_use]
    pub fn ring_of(&self, domid: DomId) -> Option<ConnId> {
        self.domains.get(domid).and_then(|domain| domain.ring)
    }
}
