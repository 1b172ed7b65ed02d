//! The store without sockets: rings, event channels and domains around the core.
//!
//! ```text
//!   turn:   pending ports --> VIRQ: ask for the state of every known domain
//!                         \-> ring: requests -> core -> replies, some rounds; one notification at the end
//!           effects of the core: map and bind, unbind, error word
//!   sockets come from outside: connect, input, output, sent, disconnect; then settle()
//! ```

mod adopt;
mod effects;
mod events;
mod handover;
mod protocol_log;
mod rings;
mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use xen_abi::{DomId, Errno, Port};
use xen_hv::{SeamError, SharedPages};
use xen_store::quota::Quota;
use xen_store::server::{ConnId, LiveUpdateRequest, Server};

use crate::boot::BootNodes;
use crate::error::StoreError;
use crate::ring::Ring;
use crate::seams::Seams;
use protocol_log::ProtocolLog;
use rings::Guest;

/// The interrupt that tells of domains that shut down or died (public/xen.h).
pub const VIRQ_DOM_EXC: u32 = xen_abi::io::VIRQ_DOM_EXC;
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
    /// Sockets with something to send.
    dirty_sockets: Vec<ConnId>,
    /// Sockets that the core is done with.
    closed_sockets: Vec<ConnId>,
    protocol_log: ProtocolLog,
    live_update: Option<LiveUpdateRequest>,
}

impl Store {
    /// A store of this host: binds the domain exception interrupt and dom0's ring. Where another store has one of them, nothing stays bound.
    pub fn start(seams: Seams, nodes: &BootNodes) -> Result<Store, StoreError> {
        let events = seams.events.clone();
        let virq = events.bind_virq(VIRQ_DOM_EXC).map_err(|error| taken(error, Errno::EEXIST, StoreError::VirqTaken))?;
        let mut store = Store::standalone(nodes);
        let dom0 = seams.dom0.clone();
        store.virq = Some(virq);
        store.seams = Some(seams);
        let connected = match dom0 {
            Some(dom0) => dom0.open().map_err(StoreError::from).and_then(|(pages, port)| store.connect_dom0(pages, port)),
            None => Ok(()),
        };
        if let Err(error) = connected {
            // The error of the ring is the one to tell; the port goes with the descriptor in any case.
            let _ = events.unbind(virq);
            return Err(error);
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
            dirty_sockets: Vec::new(),
            closed_sockets: Vec::new(),
            protocol_log: ProtocolLog::default(),
            live_update: None,
        }
    }

    fn connect_dom0(&mut self, pages: Box<dyn SharedPages>, remote: Port) -> Result<(), StoreError> {
        let Some(seams) = &self.seams else { return Ok(()) };
        let bound = seams.events.bind_interdomain(DomId::DOM0, remote);
        let port = bound.map_err(|error| taken(error, Errno::EINVAL, StoreError::Dom0Taken))?;
        let conn = self.server.connect_ring(DomId::DOM0);
        // The kernel may have a request in the ring already: its indices stay.
        self.guests.insert(conn, Guest::new(DomId::DOM0, Ring::new(pages), port));
        self.ports.insert(port, conn);
        self.ready.insert(conn);
        self.moved.insert(conn);
        Ok(())
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

    /// Works until nothing is left to do, or until a ring that goes on and on has had its share, and tells domains whose rings moved. `false`
    /// when there was nothing.
    pub fn settle(&mut self) -> bool {
        let worked = self.work();
        self.notify_moved();
        worked
    }

    /// The same, and domains are not told yet: [`Store::notify_moved`] does that once the sockets are served. A create waits for its answer,
    /// dom0's kernel only hears of it, and then has much to ask.
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

/// The error of a resource that one process can have.
fn taken(error: SeamError, errno: Errno, meaning: StoreError) -> StoreError {
    if error.errno() == Some(errno) { meaning } else { StoreError::Seam(error) }
}
