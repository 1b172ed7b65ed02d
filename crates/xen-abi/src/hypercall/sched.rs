//! Scheduling of a domain as a whole (public/sched.h): shutdown from outside, and why a domain shut down.

use crate::call::{Arg, Call, Direction, Operation, OperationError};
use crate::hypercall::{SCHED_OP, name};
use crate::names::DomId;
use crate::record::{constants, record};
use crate::release::Release;

constants! {
    /// The operation that we speak, and the reasons.
    OPERATIONS: u32 {
        /// [`RemoteShutdown`].
        REMOTE_SHUTDOWN = SCHEDOP_remote_shutdown, 4;
        /// [`ShutdownReason::Poweroff`].
        REASON_POWEROFF = SHUTDOWN_poweroff, 0;
        /// [`ShutdownReason::Reboot`].
        REASON_REBOOT = SHUTDOWN_reboot, 1;
        /// [`ShutdownReason::Suspend`].
        REASON_SUSPEND = SHUTDOWN_suspend, 2;
        /// [`ShutdownReason::Crash`].
        REASON_CRASH = SHUTDOWN_crash, 3;
        /// [`ShutdownReason::Watchdog`].
        REASON_WATCHDOG = SHUTDOWN_watchdog, 4;
        /// [`ShutdownReason::SoftReset`].
        REASON_SOFT_RESET = SHUTDOWN_soft_reset, 5;
    }
}

record! {
    /// The argument.
    RECORD = "struct sched_remote_shutdown", size 8 {
        /// The domain.
        DOMAIN_ID: u16 = "domain_id" @ 0;
        /// The reason.
        REASON: u32 = "reason" @ 4;
    }
}

/// Why a domain shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ShutdownReason {
    /// It turned itself off.
    Poweroff,
    /// It wants to start again.
    Reboot,
    /// It waits to be saved or moved.
    Suspend,
    /// It crashed.
    Crash,
    /// Its watchdog ran out.
    Watchdog,
    /// It wants to start again in place, for kexec.
    SoftReset,
    /// A number that the table does not know.
    Other(u32),
}

impl ShutdownReason {
    /// The reason for a number.
    #[must_use]
    pub fn from_code(code: u32) -> ShutdownReason {
        match code {
            REASON_POWEROFF => ShutdownReason::Poweroff,
            REASON_REBOOT => ShutdownReason::Reboot,
            REASON_SUSPEND => ShutdownReason::Suspend,
            REASON_CRASH => ShutdownReason::Crash,
            REASON_WATCHDOG => ShutdownReason::Watchdog,
            REASON_SOFT_RESET => ShutdownReason::SoftReset,
            other => ShutdownReason::Other(other),
        }
    }

    /// The number.
    #[must_use]
    pub fn code(self) -> u32 {
        match self {
            ShutdownReason::Poweroff => REASON_POWEROFF,
            ShutdownReason::Reboot => REASON_REBOOT,
            ShutdownReason::Suspend => REASON_SUSPEND,
            ShutdownReason::Crash => REASON_CRASH,
            ShutdownReason::Watchdog => REASON_WATCHDOG,
            ShutdownReason::SoftReset => REASON_SOFT_RESET,
            ShutdownReason::Other(code) => code,
        }
    }
}

/// Shuts a domain down from outside, without asking it: its vcpus stop, its memory stays until it is destroyed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteShutdown {
    /// The domain.
    pub domid: DomId,
    /// The reason that it shall be said to have had.
    pub reason: ShutdownReason,
}

impl Operation for RemoteShutdown {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mut record = RECORD.zeroed(release)?;
        DOMAIN_ID.put(release, &mut record, self.domid.0.into())?;
        REASON.put(release, &mut record, self.reason.code().into())?;
        Ok(Call::new(name::of(SCHED_OP, REMOTE_SHUTDOWN), SCHED_OP)
            .arg(0, Arg::Word(REMOTE_SHUTDOWN.into()))
            .arg(1, Arg::Address(0))
            .buffer(Direction::In, record))
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
