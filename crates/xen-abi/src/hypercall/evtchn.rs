//! Event channels (public/event_channel.h), as far as they need no device node: a toolstack makes the ports of a new domain.

use crate::call::{Arg, Call, Direction, Operation, OperationError};
use crate::hypercall::{EVENT_CHANNEL_OP, name};
use crate::names::{DomId, Port};
use crate::record::{constants, record};
use crate::release::Release;

constants! {
    /// The operations that we speak, and the states of a port.
    OPERATIONS: u32 {
        /// [`ClosePort`].
        CLOSE = EVTCHNOP_close, 3;
        /// [`GetPortStatus`].
        STATUS = EVTCHNOP_status, 5;
        /// [`AllocUnbound`].
        ALLOC_UNBOUND = EVTCHNOP_alloc_unbound, 6;
        /// Nobody uses the port.
        STATUS_CLOSED = EVTCHNSTAT_closed, 0;
        /// It waits for a peer.
        STATUS_UNBOUND = EVTCHNSTAT_unbound, 1;
        /// It has a peer.
        STATUS_INTERDOMAIN = EVTCHNSTAT_interdomain, 2;
    }
}

record! {
    /// The argument of alloc.
    ALLOC_RECORD = "struct evtchn_alloc_unbound", size 8 {
        /// Whose port.
        ALLOC_DOM: u16 = "dom" @ 0;
        /// Who may bind to it.
        ALLOC_REMOTE: u16 = "remote_dom" @ 2;
        /// Out: the port.
        ALLOC_PORT: u32 = "port" @ 4;
    }
}

record! {
    /// The argument of close.
    CLOSE_RECORD = "struct evtchn_close", size 4 {
        /// The port.
        CLOSE_PORT: u32 = "port" @ 0;
    }
}

record! {
    /// The argument of status.
    STATUS_RECORD = "struct evtchn_status", size 24 {
        /// Whose port.
        STATUS_DOM: u16 = "dom" @ 0;
        /// The port.
        STATUS_PORT: u32 = "port" @ 4;
        /// Out: its state.
        STATUS_STATUS: u32 = "status" @ 8;
        /// Out: the vcpu it notifies.
        STATUS_VCPU: u32 = "vcpu" @ 12;
        /// Out, unbound: who may bind.
        STATUS_UNBOUND_DOM: u16 = "u.unbound.dom" @ 16;
        /// Out, interdomain: the peer.
        STATUS_PEER_DOM: u16 = "u.interdomain.dom" @ 16;
        /// Out, interdomain: the peer's port.
        STATUS_PEER_PORT: u32 = "u.interdomain.port" @ 20;
    }
}

fn call(command: u32, direction: Direction, argument: Vec<u8>) -> Call {
    Call::new(name::of(EVENT_CHANNEL_OP, command), EVENT_CHANNEL_OP)
        .arg(0, Arg::Word(command.into()))
        .arg(1, Arg::Address(0))
        .buffer(direction, argument)
}

/// Makes a port in `domid` that `remote` may bind to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocUnbound {
    /// Whose port.
    pub domid: DomId,
    /// Who may bind to it.
    pub remote: DomId,
}

impl Operation for AllocUnbound {
    type Reply = Port;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mut record = ALLOC_RECORD.zeroed(release)?;
        ALLOC_DOM.put(release, &mut record, self.domid.0.into())?;
        ALLOC_REMOTE.put(release, &mut record, self.remote.0.into())?;
        Ok(call(ALLOC_UNBOUND, Direction::InOut, record))
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<Port, OperationError> {
        Ok(Port(ALLOC_PORT.get_u32(release, call.bytes(0))?))
    }
}

/// Closes a port of the domain that speaks. Another domain's port goes when that domain is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosePort {
    /// The port.
    pub port: Port,
}

impl Operation for ClosePort {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mut record = CLOSE_RECORD.zeroed(release)?;
        CLOSE_PORT.put(release, &mut record, self.port.0.into())?;
        Ok(call(CLOSE, Direction::In, record))
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}

/// The state of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortStatus {
    /// Nobody uses it.
    Closed,
    /// It waits for this domain to bind.
    Unbound(DomId),
    /// Its peer and the peer's port.
    Interdomain(DomId, Port),
    /// An interrupt of some kind: `EVTCHNSTAT_pirq`, `_virq` or `_ipi`.
    Interrupt(u32),
}

/// Asks for the state of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetPortStatus {
    /// Whose port.
    pub domid: DomId,
    /// The port.
    pub port: Port,
}

impl Operation for GetPortStatus {
    type Reply = PortStatus;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mut record = STATUS_RECORD.zeroed(release)?;
        STATUS_DOM.put(release, &mut record, self.domid.0.into())?;
        STATUS_PORT.put(release, &mut record, self.port.0.into())?;
        Ok(call(STATUS, Direction::InOut, record))
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<PortStatus, OperationError> {
        let record = call.bytes(0);
        Ok(match STATUS_STATUS.get_u32(release, record)? {
            STATUS_CLOSED => PortStatus::Closed,
            STATUS_UNBOUND => PortStatus::Unbound(DomId(STATUS_UNBOUND_DOM.get(release, record)? as u16)),
            STATUS_INTERDOMAIN => {
                let peer = DomId(STATUS_PEER_DOM.get(release, record)? as u16);
                PortStatus::Interdomain(peer, Port(STATUS_PEER_PORT.get_u32(release, record)?))
            }
            other => PortStatus::Interrupt(other),
        })
    }
}
