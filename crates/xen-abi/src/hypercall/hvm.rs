//! Parameters of HVM and PVH domains (public/hvm/hvm_op.h, public/hvm/params.h).
//!
//! Never written here: `PAE_ENABLED`, `NESTEDHVM`, `DM_DOMAIN` and `BUFIOREQ_EVTCHN`, which newer releases refuse with EINVAL, and `ALTP2M`, which
//! is read-only from 4.19 (EEXIST) and off where nobody writes it.

use crate::call::{Arg, Call, Direction, Operation, OperationError};
use crate::hypercall::{HVM_OP, name};
use crate::names::DomId;
use crate::record::{constants, record};
use crate::release::Release;

constants! {
    /// The operations that we speak.
    OPERATIONS: u32 {
        /// [`SetHvmParam`].
        SET_PARAM = HVMOP_set_param, 0;
        /// [`GetHvmParam`].
        GET_PARAM = HVMOP_get_param, 1;
    }
}

record! {
    /// The argument of both.
    RECORD = "struct xen_hvm_param", size 16 {
        /// The domain.
        DOMID: u16 = "domid" @ 0;
        /// Which parameter.
        INDEX: u32 = "index" @ 4;
        /// Its value.
        VALUE: u64 = "value" @ 8;
    }
}

/// Which parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HvmParam(pub u32);

macro_rules! params {
    ($($(#[$doc:meta])* $name:ident = $c:ident, $value:literal;)*) => {
        constants! {
            /// The parameters.
            PARAMS: u32 { $($(#[$doc])* $name = $c, $value;)* }
        }

        impl HvmParam {
            $($(#[$doc])* pub const $name: HvmParam = HvmParam($name);)*
        }
    };
}

params! {
    /// The frame of the xenstore ring.
    STORE_PFN = HVM_PARAM_STORE_PFN, 1;
    /// The domain's port of the xenstore ring.
    STORE_EVTCHN = HVM_PARAM_STORE_EVTCHN, 2;
    /// The frame of the synchronous device model ring.
    IOREQ_PFN = HVM_PARAM_IOREQ_PFN, 5;
    /// The frame of the buffered device model ring.
    BUFIOREQ_PFN = HVM_PARAM_BUFIOREQ_PFN, 6;
    /// How missed timer ticks are made up.
    TIMER_MODE = HVM_PARAM_TIMER_MODE, 10;
    /// The byte address of the identity page table that Intel CPUs without unrestricted guest need.
    IDENT_PT = HVM_PARAM_IDENT_PT, 12;
    /// The frame of the console ring.
    CONSOLE_PFN = HVM_PARAM_CONSOLE_PFN, 17;
    /// The domain's port of the console ring.
    CONSOLE_EVTCHN = HVM_PARAM_CONSOLE_EVTCHN, 18;
    /// The frame of the paging ring.
    PAGING_RING_PFN = HVM_PARAM_PAGING_RING_PFN, 27;
    /// The frame of the monitor ring.
    MONITOR_RING_PFN = HVM_PARAM_MONITOR_RING_PFN, 28;
    /// The frame of the sharing ring.
    SHARING_RING_PFN = HVM_PARAM_SHARING_RING_PFN, 29;
    /// Why a triple fault shuts the domain down: a shutdown reason's number.
    TRIPLE_FAULT_REASON = HVM_PARAM_TRIPLE_FAULT_REASON, 31;
}

fn call(release: &Release, command: u32, domid: DomId, param: HvmParam, value: u64) -> Result<Call, OperationError> {
    let mut record = RECORD.zeroed(release)?;
    DOMID.put(release, &mut record, domid.0.into())?;
    INDEX.put(release, &mut record, param.0.into())?;
    VALUE.put(release, &mut record, value)?;
    Ok(Call::new(name::of(HVM_OP, command), HVM_OP)
        .arg(0, Arg::Word(command.into()))
        .arg(1, Arg::Address(0))
        .buffer(Direction::InOut, record))
}

/// Writes one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetHvmParam {
    /// The domain.
    pub domid: DomId,
    /// Which parameter.
    pub param: HvmParam,
    /// Its value.
    pub value: u64,
}

impl Operation for SetHvmParam {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        call(release, SET_PARAM, self.domid, self.param, self.value)
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}

/// Reads one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetHvmParam {
    /// The domain.
    pub domid: DomId,
    /// Which parameter.
    pub param: HvmParam,
}

impl Operation for GetHvmParam {
    type Reply = u64;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        call(release, GET_PARAM, self.domid, self.param, 0)
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<u64, OperationError> {
        VALUE.get(release, call.bytes(0))
    }
}
