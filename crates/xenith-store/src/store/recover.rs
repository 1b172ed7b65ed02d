//! Going on where another process left off, by what it wrote down.
//!
//! ```text
//!   image -> core -> every ring mapped, its event channel as it was or bound anew -> looked at once, told once; every domain asked for
//!                       a ring that cannot be reached is given up, as C xenstored does
//! ```
//!
//! No index of a ring starts anew: what the domain wrote meanwhile is in the ring, and what it has not read yet stays there.

use std::collections::BTreeSet;

use xen_abi::{DomId, Port};
use xen_store::image::Image;
use xen_store::server::{RingError, RingState, Server};

use super::Store;
use super::effects::map_ring;
use super::rings::Guest;
use crate::claims::Claims;
use crate::error::StoreError;
use crate::ring::{Progress, Ring};
use crate::seams::Seams;

/// What is certain about rings beyond what the image says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// They are bound as the image says: whoever wrote it came to its end in peace.
    AsTheyAre,
    /// The same, and whoever wrote it may have bound others that the image knows nothing of.
    AndMore,
    /// None counts, but those that were claimed.
    Anew,
    /// Bound as the image says, and each page says itself how far its ring is: another xenstored served it.
    OfAnother,
}

/// Ports that are looked for where the image may not know all: above what a host has (dom0's two-level event channels end at 4,096).
const LEFTOVERS: u32 = 16_384;

impl Store {
    /// A store of what the image holds. Nothing is written into it before the first [`Store::commit`].
    pub fn recover(seams: Seams, claims: &Claims, image: Image, ports: Ports) -> Result<Store, StoreError> {
        let mut store = Store::of(Server::recover(image)?);
        store.virq = Some(claims.virq);
        store.seams = Some(seams);
        let rings = store.server.rings();
        match ports {
            Ports::AndMore => store.unbind_leftovers(rings.iter().filter_map(|(.., state)| state.local).collect()),
            Ports::Anew => store.unbind_leftovers(claims.dom0.iter().map(|dom0| dom0.local).collect()),
            Ports::AsTheyAre | Ports::OfAnother => {}
        }
        for (conn, domid, state) in rings {
            match store.reach(domid, &state, claims, ports) {
                Ok(guest) => store.add_guest(conn, guest),
                Err(error) => {
                    tracing::warn!("{domid} store: {error}; it is known until it ends, and not listened to");
                    store.server.break_off(conn, RingError::Communication);
                }
            }
        }
        store.look_at_domains();
        Ok(store)
    }

    /// The worker before us crashed: whoever it was working for is not listened to any more, lest the same happen again.
    pub fn isolate_suspect(&mut self) {
        let Some(conn) = self.server.was_serving().filter(|conn| self.server.is_connected(*conn)) else { return };
        let whose = self.guests.get(&conn).map_or_else(|| format!("client {}", conn.0), |guest| guest.domid.to_string());
        tracing::error!("store: the worker crashed while it served {whose}, which is not listened to any more");
        self.server.break_off(conn, RingError::Protocol);
    }

    fn reach(&mut self, domid: DomId, state: &RingState, claims: &Claims, ports: Ports) -> Result<Guest, StoreError> {
        let Some(seams) = &mut self.seams else { return Err(StoreError::Alone) };
        let dom0 = if domid == DomId::DOM0 { seams.dom0.take() } else { None };
        let pages = dom0.map_or_else(|| map_ring(seams, domid, state.gfn), Ok)?;
        let ring = match ports {
            Ports::OfAnother => Ring::as_it_stands(pages)?,
            _ => Ring::going_on(pages, Progress { req_cons: state.req_cons, rsp_prod: state.rsp_prod }),
        };
        let port = match (ports, claims.dom0, domid) {
            (Ports::Anew, Some(dom0), DomId::DOM0) => Some(dom0.local),
            (Ports::Anew, ..) => Some(seams.events.bind_interdomain(domid, state.remote)?),
            _ => state.local,
        };
        // It is looked at in any case.
        if let Some(port) = port
            && let Err(error) = seams.events.unmask(port)
        {
            tracing::warn!("{domid} store: {port}: cannot unmask: {error}");
        }
        Ok(Guest { domid, ring, port, remote: state.remote, gfn: state.gfn, stalled: state.stalled })
    }

    /// A domain's port that was bound for a request which is served once more: it can be bound once.
    fn unbind_leftovers(&self, known: BTreeSet<Port>) {
        let Some(seams) = &self.seams else { return };
        let unknown = (1..LEFTOVERS).map(Port).filter(|port| self.virq != Some(*port) && !known.contains(port));
        // Those of others refuse.
        let unbound = unknown.filter(|port| seams.events.unbind(*port).is_ok()).count();
        tracing::debug!("store: {unbound} ports that were bound for nobody are unbound");
    }
}
