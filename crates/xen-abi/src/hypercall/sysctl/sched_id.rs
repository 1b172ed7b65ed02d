//! `XEN_SYSCTL_sched_id`: which scheduler the host runs. It has no input, so negotiation probes with it.

use std::fmt;

use super::{Request, SCHED_ID, body};
use crate::call::{Call, Operation, OperationError};
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_sysctl_sched_id", size 4 {
        /// The scheduler.
        ID: u32 = "sched_id" @ 0;
    }
}

constants! {
    /// The schedulers.
    SCHEDULERS: u32 {
        /// credit.
        CREDIT = XEN_SCHEDULER_CREDIT, 5;
        /// credit2, the default.
        CREDIT2 = XEN_SCHEDULER_CREDIT2, 6;
        /// arinc653.
        ARINC653 = XEN_SCHEDULER_ARINC653, 7;
        /// rtds.
        RTDS = XEN_SCHEDULER_RTDS, 8;
        /// null: one vcpu per CPU.
        NULL = XEN_SCHEDULER_NULL, 9;
    }
}

/// A scheduler of Xen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// credit.
    Credit,
    /// credit2, the default.
    Credit2,
    /// arinc653.
    Arinc653,
    /// rtds.
    Rtds,
    /// null: one vcpu per CPU.
    Null,
    /// One that the table does not know.
    Other(u32),
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scheduler::Credit => f.write_str("credit"),
            Scheduler::Credit2 => f.write_str("credit2"),
            Scheduler::Arinc653 => f.write_str("arinc653"),
            Scheduler::Rtds => f.write_str("rtds"),
            Scheduler::Null => f.write_str("null"),
            Scheduler::Other(id) => write!(f, "scheduler {id}"),
        }
    }
}

impl Scheduler {
    pub(super) fn from_id(id: u32) -> Scheduler {
        match id {
            CREDIT => Scheduler::Credit,
            CREDIT2 => Scheduler::Credit2,
            ARINC653 => Scheduler::Arinc653,
            RTDS => Scheduler::Rtds,
            NULL => Scheduler::Null,
            other => Scheduler::Other(other),
        }
    }
}

/// Asks for the scheduler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetSchedulerId;

impl Operation for GetSchedulerId {
    type Reply = Scheduler;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        Ok(Request::new(release, SCHED_ID)?.call())
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<Scheduler, OperationError> {
        Ok(Scheduler::from_id(ID.get_u32(release, body(call)?)?))
    }
}
