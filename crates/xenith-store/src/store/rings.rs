//! Rings: bytes in, bytes out, one notification.

use xen_abi::{DomId, Gfn, Port};
use xen_store::server::{ConnId, Mail, RingState};

use super::Store;
use crate::ring::{Progress, Ring, RingFault};

/// A ring that is mapped.
pub(super) struct Guest {
    pub domid: DomId,
    pub ring: Ring,
    /// Our end of the event channel; `None` where binding it again failed.
    pub port: Option<Port>,
    /// The domain's end; 0 where it is not known.
    pub remote: Port,
    /// The ring's frame as the toolstack says it.
    pub gfn: Gfn,
    /// Broke the protocol: mapped until the domain goes, and not looked at.
    pub stalled: bool,
}

impl Guest {
    pub fn new(domid: DomId, ring: Ring, port: Port, remote: Port) -> Guest {
        Guest { domid, ring, port: Some(port), remote, gfn: Gfn(0), stalled: false }
    }

    fn state(&self) -> RingState {
        let Progress { req_cons, rsp_prod } = self.ring.progress();
        let Guest { gfn, remote, port: local, stalled, .. } = *self;
        RingState { gfn, remote, local, req_cons, rsp_prod, stalled }
    }
}

impl Store {
    /// Takes requests out of a ring, and puts replies in that did not fit before.
    pub(super) fn serve_ring(&mut self, conn: ConnId) -> bool {
        let room = self.server.room(conn);
        let Some(guest) = self.guests.get_mut(&conn).filter(|guest| !guest.stalled) else { return false };
        let mut bytes = Vec::new();
        match guest.ring.take(room, &mut bytes) {
            Ok(0) => self.flush_ring(conn),
            Ok(_) => {
                self.server.input(conn, &bytes);
                self.touch(conn);
                // There may be more than the core had room for.
                self.ready.insert(conn);
                self.flush_ring(conn);
                true
            }
            Err(fault) => self.fault(conn, &fault),
        }
    }

    /// Puts into a ring what fits of what the core has for it.
    pub(super) fn flush_ring(&mut self, conn: ConnId) -> bool {
        if !self.server.has_output(conn) {
            return false;
        }
        let Some(guest) = self.guests.get_mut(&conn).filter(|guest| !guest.stalled) else { return false };
        let put = guest.ring.space().and_then(|space| {
            let mut bytes = Vec::new();
            self.server.output(conn, space, &mut bytes);
            guest.ring.put(&bytes)
        });
        match put {
            Ok(0) => false,
            Ok(count) => {
                self.server.sent(conn, count);
                self.touch(conn);
                // Requests that had to wait for their replies' room may be in the ring.
                self.ready.insert(conn);
                true
            }
            Err(fault) => self.fault(conn, &fault),
        }
    }

    /// Stops talking to a domain whose ring cannot be trusted. The core answers with [`xen_store::server::Effect::Stall`].
    fn fault(&mut self, conn: ConnId, fault: &RingFault) -> bool {
        if let Some(guest) = self.guests.get(&conn) {
            tracing::warn!("{} store: {fault}; not listening to it any more", guest.domid);
        }
        self.server.break_off(conn, fault.error());
        true
    }

    /// A ring moved: its domain is to be told, after it is noted where it stands.
    pub(super) fn touch(&mut self, conn: ConnId) {
        self.moved.insert(conn);
        self.unpublished.insert(conn);
    }

    /// Writes everything down that was done, and only then lets domains see how far their rings are. `mail` is what was received and sent
    /// of sockets' bytes. After this, replies may be sent. A domain that acted on what it saw before sends no event: its ring is looked at again.
    pub fn commit(&mut self, mail: Mail) {
        let unpublished = std::mem::take(&mut self.unpublished);
        for conn in &unpublished {
            if let Some(guest) = self.guests.get(conn) {
                self.server.set_ring(*conn, guest.state());
            }
        }
        self.server.set_mail(mail);
        self.server.commit();
        for conn in unpublished {
            let wants_room = self.server.has_output(conn);
            let Some(guest) = self.guests.get_mut(&conn) else { continue };
            match guest.ring.publish().and_then(|()| guest.ring.has_more(wants_room)) {
                Ok(false) => {}
                Ok(true) => _ = self.ready.insert(conn),
                Err(fault) => tracing::warn!("{} store: {fault}", guest.domid),
            }
        }
    }

    /// Tells every domain whose ring moved, once. Call it after [`Store::commit`].
    pub fn notify_moved(&mut self) {
        let Some(seams) = &self.seams else { return };
        for conn in std::mem::take(&mut self.moved) {
            let Some(guest) = self.guests.get(&conn) else { continue };
            let sent = guest.port.map_or(Ok(()), |port| seams.events.notify(port));
            if let Err(error) = sent {
                tracing::warn!("{} store: cannot notify: {error}", guest.domid);
            }
        }
    }
}
