//! Going on where another xenstored left off.
//!
//! ```text
//!   Loaded --> VIRQ bound --> every ring mapped by its grant, its port as it was --> every ring looked at once, every domain told once,
//!              the only thing that can be refused     a ring that cannot be reached is given up, as C does      every domain asked for
//! ```
//!
//! No index of a ring is touched: what the domain wrote meanwhile is in the ring, and what it has not read yet stays there.

use std::os::fd::RawFd;

use xen_abi::{DomId, Errno, Gfn, Port};
use xen_hv::SharedPages;
use xen_store::server::{ConnId, Loaded, RingError};
use xen_store::stream::Peer;

use super::effects::map_ring;
use super::rings::Guest;
use super::{Store, VIRQ_DOM_EXC, taken};
use crate::error::StoreError;
use crate::ring::Ring;
use crate::seams::Seams;

impl Store {
    /// A store of what was loaded. Gives the sockets with the numbers of their descriptors. After an error nothing stays bound, and whoever
    /// wrote the stream can go on with it.
    pub fn adopt(seams: Seams, loaded: Loaded) -> Result<(Store, Vec<(ConnId, RawFd)>), StoreError> {
        let bind = || seams.events.bind_virq(VIRQ_DOM_EXC).map_err(|error| taken(error, Errno::EEXIST, StoreError::VirqTaken));
        // oxenstored leaves it bound.
        let virq = loaded.virq.map_or_else(bind, Ok)?;
        let mut store = Store::of(loaded.server);
        store.virq = Some(virq);
        store.seams = Some(seams);
        let mut sockets = Vec::new();
        for client in loaded.clients {
            match client.peer {
                Peer::Socket { fd } => sockets.push((client.conn, fd)),
                Peer::Ring { domid, port, .. } => store.adopt_ring(client.conn, domid, port),
            }
        }
        store.look_at_domains();
        Ok((store, sockets))
    }

    fn adopt_ring(&mut self, conn: ConnId, domid: DomId, port: Port) {
        if port == Port(0) {
            return;
        }
        let Some(seams) = &self.seams else { return };
        let pages: Result<Box<dyn SharedPages>, StoreError> = match (&seams.dom0, domid) {
            (Some(dom0), DomId::DOM0) => dom0.open().map(|(pages, _)| pages).map_err(StoreError::from),
            _ => map_ring(seams, domid, Gfn(0)).map_err(StoreError::from),
        };
        match pages {
            Ok(pages) => {
                // It is looked at below in any case.
                if let Err(error) = seams.events.unmask(port) {
                    tracing::warn!("{domid} store: {port}: cannot unmask: {error}");
                }
                self.guests.insert(conn, Guest::new(domid, Ring::new(pages), port));
                self.ports.insert(port, conn);
                self.ready.insert(conn);
                self.moved.insert(conn);
            }
            Err(error) => {
                tracing::warn!("{domid} store: cannot map its ring: {error}; it is known until it ends, and not listened to");
                self.server.break_off(conn, RingError::Communication);
            }
        }
    }
}
