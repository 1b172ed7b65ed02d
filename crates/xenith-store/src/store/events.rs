//! Event channels: which rings to look at, which domains to ask about.

use xen_store::server::DomainState;

use super::Store;
use crate::error::StoreError;
use crate::seams::Changed;

/// Pending ports that one turn looks at; the rest stay pending, so that sockets get their share.
const PORTS_PER_TURN: usize = 256;

impl Store {
    /// Looks which ports are pending.
    pub fn take_events(&mut self) -> Result<bool, StoreError> {
        let Some(seams) = &self.seams else { return Ok(false) };
        let events = seams.events.clone();
        let mut any = false;
        for _ in 0..PORTS_PER_TURN {
            let Some(port) = events.next_pending()? else { break };
            any = true;
            // Open the port before the ring is looked at: an event that comes in between is a look too many, never one too few.
            if let Err(error) = events.unmask(port) {
                tracing::warn!("store: {port}: cannot unmask: {error}");
            }
            if Some(port) == self.virq {
                self.look_at_changed_domains();
            } else if let Some(conn) = self.ports.get(&port) {
                self.ready.insert(*conn);
            }
        }
        Ok(any)
    }

    /// Asks which domains changed, which is one question however many there are.
    fn look_at_changed_domains(&mut self) {
        let Some(seams) = &mut self.seams else { return };
        match seams.domains.changed() {
            Ok(Changed::These(states)) => self.server.domain_states(states),
            Ok(Changed::All(mut states)) => {
                // Xen lists them in this order.
                states.sort_unstable_by_key(|(domid, _)| *domid);
                let found = |domid| states.get(states.binary_search_by_key(&domid, |(domid, _)| *domid).ok()?);
                let known = self.server.watched_domains().into_iter();
                self.server.domain_states(known.map(|domid| (domid, found(domid).map_or(DomainState::Gone, |(_, state)| *state))));
            }
            Ok(Changed::Unknown) => self.look_at_domains(),
            Err(error) => {
                tracing::warn!("store: cannot learn which domains changed: {error}");
                self.look_at_domains();
            }
        }
    }

    /// Asks for the state of every domain that the core knows.
    pub fn look_at_domains(&mut self) {
        let Some(seams) = &mut self.seams else { return };
        let mut states = Vec::new();
        for domid in self.server.watched_domains() {
            match seams.domains.domain_state(domid) {
                Ok(state) => states.push((domid, state)),
                Err(error) => tracing::warn!("{domid} store: cannot learn its state: {error}"),
            }
        }
        self.server.domain_states(states);
    }
}
