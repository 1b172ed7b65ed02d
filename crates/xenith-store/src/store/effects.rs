//! What the core asks for.

use xen_abi::{DomId, Gfn, GrantRef, Port};
use xen_hv::{Access, MapError, SeamError, SharedPages};
use xen_store::server::{ConnId, DomainState, Effect, features};
use xen_store::wire::XsError;

use super::Store;
use super::{protocol_log, rings::Guest};
use crate::ring::{Ring, RingFault};
use crate::seams::Seams;

/// The grant that the domain builder seeds with the store's ring (`GNTTAB_RESERVED_XENSTORE`, public/grant_table.h).
const RESERVED_GRANT: GrantRef = GrantRef(1);

/// Why a domain could not be introduced. The client hears ENOENT or EINVAL, the log the reason.
#[derive(Debug, thiserror::Error)]
enum IntroduceError {
    #[error("there is no hypervisor here")]
    NoHypervisor,
    #[error("cannot map its ring: {0}")]
    Map(#[from] MapError),
    #[error("cannot bind its event channel: {0}")]
    Bind(#[from] SeamError),
    #[error(transparent)]
    Ring(#[from] RingFault),
}

impl IntroduceError {
    fn on_the_wire(&self) -> XsError {
        match self {
            IntroduceError::NoHypervisor | IntroduceError::Map(_) => XsError::NoEntry,
            IntroduceError::Bind(_) | IntroduceError::Ring(_) => XsError::Invalid,
        }
    }
}

impl Store {
    pub(super) fn carry_out(&mut self, effect: Effect) {
        if let Effect::Introduce { asker, .. } | Effect::Query { asker, .. } = effect {
            self.server.note_serving(asker);
        }
        match effect {
            Effect::Introduce { asker, domid, port, again: true, .. } => {
                self.introduce_again(domid, port);
                self.server.introduced(asker, domid, Ok(()));
            }
            Effect::Introduce { asker, domid, gfn, port, again: false } => self.introduce(asker, domid, gfn, port),
            Effect::Query { asker, domid } => {
                let exists = self.exists(domid);
                self.server.known(asker, domid, exists);
            }
            Effect::Release { conn, domid } => self.release(conn, domid),
            Effect::Close { conn } => self.closed_sockets.push(conn),
            Effect::Stall { conn, domid, error } => {
                self.unpublished.insert(conn);
                if let Some(guest) = self.guests.get_mut(&conn) {
                    guest.stalled = true;
                    let told = self.server.features_of(domid) & features::ERROR != 0;
                    if told && let Err(fault) = guest.ring.fail(error) {
                        tracing::warn!("{domid} store: {fault}");
                    }
                }
            }
            Effect::Print(line) => tracing::info!("store: control: {line}"),
            Effect::Log(line) => tracing::warn!("{line}"),
            Effect::Trace(line) => self.protocol_log.line(&line),
            Effect::LogFile(file) => self.protocol_log.open(&file),
            Effect::MemoryReport { file, report } => protocol_log::report(file.as_deref(), &report),
            // Whoever holds the descriptors does it between two turns.
            Effect::LiveUpdate(request) => self.live_update_asked(request),
            Effect::AbortLiveUpdate => self.live_update_aborted(),
        }
    }

    fn introduce(&mut self, asker: ConnId, domid: DomId, gfn: Gfn, remote: Port) {
        let mapped = match &self.seams {
            Some(seams) => open_ring(seams, domid, gfn, remote),
            None => Err(IntroduceError::NoHypervisor),
        };
        match mapped {
            Ok((ring, port)) => {
                if let Some(conn) = self.server.introduced(asker, domid, Ok(())) {
                    self.add_guest(conn, Guest { gfn, ..Guest::new(domid, ring, port, remote) });
                    self.greet(conn);
                    tracing::info!("{domid} store: connected, {port}");
                }
            }
            Err(error) => {
                tracing::warn!("{domid} store: cannot introduce: {error}");
                self.server.introduced(asker, domid, Err(error.on_the_wire()));
            }
        }
    }

    /// A domain that starts anew (kexec, resume): a new event channel for the ring that is mapped.
    fn introduce_again(&mut self, domid: DomId, remote: Port) {
        let Some(conn) = self.server.ring_of(domid) else { return };
        let (Some(guest), Some(seams)) = (self.guests.get_mut(&conn), &self.seams) else { return };
        if let Some(old) = guest.port.take() {
            self.ports.remove(&old);
            if let Err(error) = seams.events.unbind(old) {
                tracing::warn!("{domid} store: {old}: cannot unbind: {error}");
            }
        }
        match seams.events.bind_interdomain(domid, remote) {
            Ok(port) => {
                guest.port = Some(port);
                self.ports.insert(port, conn);
            }
            Err(error) => tracing::warn!("{domid} store: cannot bind its event channel again: {error}"),
        }
        guest.stalled = false;
        guest.remote = remote;
        self.unpublished.insert(conn);
        self.greet(conn);
    }

    /// Starts the conversation on an empty ring.
    fn greet(&mut self, conn: ConnId) {
        let Some(guest) = self.guests.get_mut(&conn) else { return };
        let domid = guest.domid;
        let features = self.server.features_of(domid);
        let mut start = || -> Result<bool, RingFault> {
            guest.ring.reset()?;
            guest.ring.greet(features)?;
            guest.ring.answer_reconnect()
        };
        match start() {
            Ok(true) => _ = self.moved.insert(conn),
            Ok(false) => {}
            Err(fault) => tracing::warn!("{domid} store: {fault}"),
        }
        self.ready.insert(conn);
    }

    /// Whether the hypervisor knows the domain. Without a hypervisor none but dom0 exists.
    fn exists(&mut self, domid: DomId) -> bool {
        let Some(seams) = &mut self.seams else { return false };
        match seams.domains.domain_state(domid) {
            Ok(state) => state != DomainState::Gone,
            Err(error) => {
                tracing::warn!("{domid} store: cannot learn whether it exists: {error}");
                false
            }
        }
    }

    fn release(&mut self, conn: ConnId, domid: DomId) {
        self.ready.remove(&conn);
        self.moved.remove(&conn);
        self.unpublished.remove(&conn);
        let Some(guest) = self.guests.remove(&conn) else { return };
        let Some(port) = guest.port else { return };
        self.ports.remove(&port);
        let unbound = self.seams.as_ref().map_or(Ok(()), |seams| seams.events.unbind(port));
        match unbound {
            Ok(()) => tracing::info!("{domid} store: disconnected"),
            Err(error) => tracing::warn!("{domid} store: {port}: cannot unbind: {error}"),
        }
    }
}

/// Maps a domain's ring and binds its event channel, both or none.
fn open_ring(seams: &Seams, domid: DomId, gfn: Gfn, remote: Port) -> Result<(Ring, Port), IntroduceError> {
    let pages = map_ring(seams, domid, gfn)?;
    let port = seams.events.bind_interdomain(domid, remote)?;
    Ok((Ring::new(pages), port))
}

/// The grant first: it needs no right over the domain's memory.
pub(super) fn map_ring(seams: &Seams, domid: DomId, gfn: Gfn) -> Result<Box<dyn SharedPages>, MapError> {
    let granted = seams.grants.map(domid, &[RESERVED_GRANT], Access::ReadWrite);
    match (granted, &seams.foreign) {
        (Err(refused), Some(foreign)) => {
            tracing::info!("{domid} store: {refused}; mapping its ring by frame instead");
            foreign.map(domid, &[gfn], Access::ReadWrite)
        }
        (granted, _) => granted,
    }
}
