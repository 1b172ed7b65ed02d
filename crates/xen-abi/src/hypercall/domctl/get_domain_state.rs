//! `XEN_DOMCTL_get_domain_state` (4.21): the first stable domctl, with interface number 0.

use super::{GET_DOMAIN_STATE, Request, body, domain};
use crate::call::{Call, Operation, OperationError};
use crate::names::DomId;
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_domctl_get_domain_state", size [V4_21: 16] {
        /// Bits of its state.
        STATE: u16 = "state" @ [V4_21: 0];
        /// Bits of its rights.
        CAPS: u16 = "caps" @ [V4_21: 2];
        /// A number that no other domain of this boot ever had.
        UNIQUE_ID: u64 = "unique_id" @ [V4_21: 8];
    }
}

constants! {
    /// The bits.
    STATE_BITS: u16 {
        /// It exists.
        EXIST = XEN_DOMCTL_GETDOMSTATE_STATE_EXIST, 1 since V4_21;
        /// It has shut down.
        SHUTDOWN = XEN_DOMCTL_GETDOMSTATE_STATE_SHUTDOWN, 2 since V4_21;
        /// It is being torn down.
        DYING = XEN_DOMCTL_GETDOMSTATE_STATE_DYING, 4 since V4_21;
        /// It is gone but for its name.
        DEAD = XEN_DOMCTL_GETDOMSTATE_STATE_DEAD, 8 since V4_21;
        /// The control domain.
        CONTROL = XEN_DOMCTL_GETDOMSTATE_CAP_CONTROL, 1 since V4_21;
        /// The hardware domain.
        HARDWARE = XEN_DOMCTL_GETDOMSTATE_CAP_HARDWARE, 2 since V4_21;
        /// The xenstore domain.
        XENSTORE = XEN_DOMCTL_GETDOMSTATE_CAP_XENSTORE, 4 since V4_21;
    }
}

/// A domain's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DomainState {
    /// Its number.
    pub domid: DomId,
    /// Whether it exists; false only in answers to [`NextChangedDomain`].
    pub exists: bool,
    /// It has shut down.
    pub shutdown: bool,
    /// It is being torn down.
    pub dying: bool,
    /// It is gone but for its name.
    pub dead: bool,
    /// It is the control domain.
    pub control: bool,
    /// It is the hardware domain.
    pub hardware: bool,
    /// It is the xenstore domain.
    pub xenstore: bool,
    /// A number that no other domain of this boot ever had: identity across reuse of the domid.
    pub unique_id: u64,
}

fn encode(release: &Release, domid: DomId) -> Result<Call, OperationError> {
    if !release.has_domain_state() {
        return Err(OperationError::Unsupported { release: *release, what: "domctl get_domain_state" });
    }
    Ok(Request::with_interface(release, 0, GET_DOMAIN_STATE, domid)?.call())
}

fn decode(release: &Release, call: &Call) -> Result<DomainState, OperationError> {
    let record = body(call)?;
    let state = STATE.get(release, record)? as u16;
    let caps = CAPS.get(release, record)? as u16;
    Ok(DomainState {
        domid: domain(release, call)?,
        exists: state & EXIST != 0,
        shutdown: state & SHUTDOWN != 0,
        dying: state & DYING != 0,
        dead: state & DEAD != 0,
        control: caps & CONTROL != 0,
        hardware: caps & HARDWARE != 0,
        xenstore: caps & XENSTORE != 0,
        unique_id: UNIQUE_ID.get(release, record)?,
    })
}

/// Asks for one domain; ESRCH where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetDomainState {
    /// The domain.
    pub domid: DomId,
}

impl Operation for GetDomainState {
    type Reply = DomainState;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        encode(release, self.domid)
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<DomainState, OperationError> {
        decode(release, call)
    }
}

/// Takes one domain out of the set whose state changed; ENOENT when the set is empty, EACCES unless the caller bound VIRQ_DOM_EXC. One process of
/// a host may do this: the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextChangedDomain;

impl Operation for NextChangedDomain {
    type Reply = DomainState;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        encode(release, DomId::INVALID)
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<DomainState, OperationError> {
        decode(release, call)
    }
}
