//! What another program needs to go on.

use std::collections::BTreeMap;
use std::os::fd::RawFd;

use xen_abi::Port;
use xen_store::server::{ConnId, ConnKind, End, LiveUpdateRequest, Outside};
use xen_store::stream::{StreamError, Version};

use super::{Store, VIRQ_DOM_EXC};

impl Store {
    /// The live update that was asked for and not answered yet.
    #[must_use]
    pub fn live_update(&self) -> Option<&LiveUpdateRequest> {
        self.live_update.as_ref()
    }

    /// Answers it: why it does not come about. New transactions begin again.
    pub fn refuse_live_update(&mut self, reason: &str) {
        self.server.hold_transactions(false);
        if let Some(request) = self.live_update.take() {
            tracing::warn!("store: no hand-over to {}: {reason}", request.file);
            self.server.live_updated(request.asker, Err(reason));
        }
    }

    /// Lets no new transaction begin.
    pub fn hold_transactions(&mut self) {
        self.server.hold_transactions(true);
    }

    /// Everything, as the stream that every xenstored since 4.15 reads. `sockets` are the clients' descriptors. Its asker finds `OK` in it.
    pub fn dump(&self, socket_fd: Option<RawFd>, sockets: BTreeMap<ConnId, RawFd>) -> Result<Vec<u8>, StreamError> {
        let evtchn_fd = self.seams.as_ref().map(|seams| std::os::fd::AsRawFd::as_raw_fd(&seams.events.ready()));
        // A ring that cannot be reached has no port; its domain stays known by it.
        let port = |conn| self.guests.get(&conn).and_then(|guest| guest.port).unwrap_or(Port(0));
        let clients = self.server.report().clients.into_iter();
        let rings = clients.filter(|client| client.kind != ConnKind::Socket).map(|client| (client.conn, End::Ring(port(client.conn))));
        let ends = sockets.into_iter().map(|(conn, fd)| (conn, End::Socket(fd))).chain(rings).collect();
        let asker = self.live_update.as_ref().map(|request| request.asker);
        self.server.dump(Version::V1, &Outside { socket_fd, evtchn_fd, ends, asker })
    }

    /// Gives the domain exception interrupt up: it has one binder per host.
    pub fn release_virq(&mut self) {
        let Some(virq) = self.virq.take() else { return };
        let unbound = self.seams.as_ref().map_or(Ok(()), |seams| seams.events.unbind(virq));
        if let Err(error) = unbound {
            tracing::warn!("store: {virq}: cannot unbind: {error}");
        }
    }

    /// Takes it back after a hand-over that did not come about, and looks what was missed.
    pub fn take_virq_back(&mut self) {
        let Some(seams) = &self.seams else { return };
        match seams.events.bind_virq(VIRQ_DOM_EXC) {
            Ok(virq) => self.virq = Some(virq),
            Err(error) => tracing::error!("store: cannot bind the domain exception interrupt again: {error}; ends of domains go unnoticed"),
        }
        self.look_at_domains();
    }
}
