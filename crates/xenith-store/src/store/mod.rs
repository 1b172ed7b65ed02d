//! The store without sockets: rings, event channels and domains around the core.
//!
//! ```text
//!   turn:   pending ports --> VIRQ: ask for the state of every known domain
//!                         \-> ring: requests -> core -> replies, some rounds; one notification at the end
//!           effects of the core: map and bind, unbind, error word
//!   sockets come from outside: connect, input, output, sent, disconnect; then settle()
//! ```

mod effects;
mod events;
mod handover;
mod protocol_log;
mod recover;
mod rings;
mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use xen_abi::{DomId, Port};
use xen_hv::SharedPages;
use xen_store::quota::Quota;
use xen_store::server::{ConnId, Server};

use crate::boot::BootNodes;
use crate::claims::{Claims, Dom0Ports};
use crate::error::StoreError;
use crate::ring::{Ring, RingFault};
use crate::seams::Seams;
use handover::LiveUpdate;
use protocol_log::ProtocolLog;
pub use recover::Ports;
use rings::Guest;

/// Times that one turn looks at a ring whose domain goes on writing.
const ROUNDS_PER_TURN: usize = 16;

/// The store role.
pub struct Store {
    server: Server,
    seams: Option<Seams>,
    guests: BTreeMap<ConnId, Guest>,
    ports: BTreeMap<Port, ConnId>,
    virq: Option<Port>,
    /// Rings to be looked at.
    ready: BTreeSet<ConnId>,
    /// Rings that moved since their domains were last told.
    moved: BTreeSet<ConnId>,
    /// Rings that stand elsewhere than the last commit says.
    unpublished: BTreeSet<ConnId>,
    /// Sockets with something to send.
    dirty_sockets: Vec<ConnId>,
    /// Sockets that the core is done with.
    closed_sockets: Vec<ConnId>,
    protocol_log: ProtocolLog,
    live_update: LiveUpdate,
}

impl Store {
    /// A store of this host, of which `claims` were made.
    pub fn start(mut seams: Seams, claims: &Claims, nodes: &BootNodes) -> Result<Store, StoreError> {
        let mut store = Store::standalone(nodes);
        let dom0 = seams.dom0.take();
        store.virq = Some(claims.virq);
        store.seams = Some(seams);
        if let (Some(pages), Some(ports)) = (dom0, claims.dom0) {
            store.connect_dom0(pages, ports)?;
        }
        Ok(store)
    }

    /// A store without a hypervisor: sockets only, and nobody can be introduced.
    #[must_use]
    pub fn standalone(nodes: &BootNodes) -> Store {
        let mut server = Server::new(Quota::default());
        nodes.write(&mut server);
        Store::of(server)
    }

    /// A core with nothing around it yet.
    fn of(server: Server) -> Store {
        Store {
            server,
            seams: None,
            guests: BTreeMap::new(),
            ports: BTreeMap::new(),
            virq: None,
            ready: BTreeSet::new(),
            moved: BTreeSet::new(),
            unpublished: BTreeSet::new(),
            dirty_sockets: Vec::new(),
            closed_sockets: Vec::new(),
            protocol_log: ProtocolLog::default(),
            live_update: LiveUpdate::None,
        }
    }

    fn connect_dom0(&mut self, pages: Box<dyn SharedPages>, ports: Dom0Ports) -> Result<(), RingFault> {
        // The kernel may have a request in the ring already: its indices stay.
        let ring = Ring::as_it_stands(pages)?;
        let conn = self.server.connect_ring(DomId::DOM0);
        self.add_guest(conn, Guest::new(DomId::DOM0, ring, ports.local, ports.remote));
        Ok(())
    }

    /// Looks at a ring from now on, the first time at once.
    fn add_guest(&mut self, conn: ConnId, guest: Guest) {
        if let Some(port) = guest.port {
            self.ports.insert(port, conn);
        }
        self.guests.insert(conn, guest);
        self.ready.insert(conn);
        self.touch(conn);
    }

    /// The core, to look at.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The ways to the host: their event channels are what to wait on.
    #[must_use]
    pub fn seams(&self) -> Option<&Seams> {
        self.seams.as_ref()
    }

    /// Whether there is work that no event will announce: call [`Store::turn`] again without waiting.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Tells the core the time since any fixed beginning: call it before work.
    pub fn tick(&mut self, now: Duration) {
        self.server.tick(now);
    }

    /// When to tick at the latest, though no event comes.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        self.server.next_deadline()
    }

    /// Takes pending events and works. `false` when there was nothing to do.
    pub fn turn(&mut self) -> Result<bool, StoreError> {
        let events = self.take_events()?;
        Ok(self.settle() || events)
    }

    /// Works until nothing is left to do, or until a ring that goes on and on has had its share, commits, and tells domains whose rings
    /// moved. `false` when there was nothing.
    pub fn settle(&mut self) -> bool {
        let worked = self.work();
        self.commit(self.server.mail());
        self.notify_moved();
        worked
    }

    /// The same, without [`Store::commit`] and [`Store::notify_moved`]: the latter comes once the sockets are served. A create waits for its
    /// answer, dom0's kernel only hears of it, and then has much to ask.
    pub fn work(&mut self) -> bool {
        let mut worked = false;
        for _ in 0..ROUNDS_PER_TURN {
            if !self.round() {
                break;
            }
            worked = true;
        }
        worked
    }

    fn round(&mut self) -> bool {
        let mut moved = false;
        for conn in std::mem::take(&mut self.ready) {
            moved |= self.serve_ring(conn);
        }
        while self.server.step() {
            moved = true;
        }
        while let Some(effect) = self.server.next_effect() {
            self.carry_out(effect);
            moved = true;
        }
        for conn in self.server.take_dirty() {
            match self.guests.contains_key(&conn) {
                true if self.server.has_output(conn) => moved |= self.flush_ring(conn),
                // Nothing to say, but something to hear: it had to wait until others read what it caused.
                true => moved |= self.ready.insert(conn),
                false => self.dirty_sockets.push(conn),
            }
        }
        moved
    }
}
