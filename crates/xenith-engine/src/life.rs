//! What a domain does, and what is done when it stops by itself: pure.
//!
//! ```text
//!                         unpause                stops by itself                 [on]
//!   created --> paused <===========> running ----------------------> shutdown ---------+--> preserve: stays as it is
//!                         pause         |                            or crashed        +--> destroy, a core dump before where wanted
//!                                       | destroy                        |             +--> restart: destroy or rename, wait, create
//!                                       |                                |             +--> soft reset: runs on
//!                                       v                                v
//!                                     dying ---------------------------> gone
//! ```

use std::time::Duration;

use xen_abi::hypercall::domctl::getdomaininfo::DomainInfo;
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::{Action, DomainState, On};

/// A domain that is restarted sooner than this after its creation restarts too often.
pub const QUICK: Duration = Duration::from_secs(10);
/// Quick restarts in a row after which a domain is left stopped.
pub const QUICK_RESTARTS_MAX: u32 = 8;
/// The longest wait between quick restarts.
const WAIT_MAX: Duration = Duration::from_secs(64);

/// The state as the API tells it.
#[must_use]
pub fn state(info: &DomainInfo) -> DomainState {
    match info.shutdown {
        _ if info.dying => DomainState::Dying,
        Some(ShutdownReason::Crash | ShutdownReason::Watchdog) => DomainState::Crashed,
        Some(_) => DomainState::Shutdown,
        None if info.paused => DomainState::Paused,
        // Neither bit is set where a vcpu waits for a CPU (getdomaininfo, xen/common/domctl.c).
        None if info.blocked && !info.running => DomainState::Blocked,
        None => DomainState::Running,
    }
}

/// What the config wants for this reason. A suspended domain waits to be saved, and a reason that Xen's headers do not name
/// is not ours to judge: both are kept.
#[must_use]
pub fn wanted(on: &On, reason: ShutdownReason) -> Action {
    match reason {
        ShutdownReason::Poweroff => on.poweroff,
        ShutdownReason::Reboot => on.reboot,
        ShutdownReason::Crash => on.crash,
        ShutdownReason::Watchdog => on.watchdog,
        ShutdownReason::SoftReset => on.soft_reset,
        ShutdownReason::Suspend | ShutdownReason::Other(_) => Action::Preserve,
    }
}

/// The reason as the API tells it.
#[must_use]
pub fn word(reason: ShutdownReason) -> &'static str {
    match reason {
        ShutdownReason::Poweroff => "poweroff",
        ShutdownReason::Reboot => "reboot",
        ShutdownReason::Suspend => "suspend",
        ShutdownReason::Crash => "crash",
        ShutdownReason::Watchdog => "watchdog",
        ShutdownReason::SoftReset => "soft-reset",
        ShutdownReason::Other(_) => "unknown",
    }
}

/// How many quick restarts in a row it has been with this one, for a domain of that age.
#[must_use]
pub fn quick_restarts(before: u32, age: Duration) -> u32 {
    if age < QUICK { before.saturating_add(1) } else { 0 }
}

/// Whether a domain that was restarted so often is left stopped, for somebody to look at.
#[must_use]
pub fn is_held(quick_restarts: u32) -> bool {
    quick_restarts > QUICK_RESTARTS_MAX
}

/// How long to wait before a restart after so many quick ones: none at first, then twice as long each time.
#[must_use]
pub fn wait_before(quick_restarts: u32) -> Duration {
    match quick_restarts {
        0 => Duration::ZERO,
        count => Duration::from_secs(1 << (count - 1).min(6)).min(WAIT_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_find_their_action() {
        let on = On { crash: Action::Preserve, watchdog: Action::Restart, ..On::default() };
        let table = [
            (ShutdownReason::Poweroff, Action::Destroy),
            (ShutdownReason::Reboot, Action::Restart),
            (ShutdownReason::Crash, Action::Preserve),
            (ShutdownReason::Watchdog, Action::Restart),
            (ShutdownReason::Suspend, Action::Preserve),
            (ShutdownReason::SoftReset, Action::SoftReset),
            (ShutdownReason::Other(99), Action::Preserve),
        ];
        for (reason, action) in table {
            assert_eq!(wanted(&on, reason), action, "{reason:?}");
        }
    }

    #[test]
    fn quick_restarts_wait_longer_each_time_and_never_longer_than_the_bound() {
        let waits: Vec<u64> = (0..10).map(|count| wait_before(count).as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(wait_before(u32::MAX).as_secs(), 64);
        assert_eq!(quick_restarts(3, Duration::from_secs(9)), 4);
        assert_eq!(quick_restarts(3, Duration::from_secs(10)), 0);
        assert_eq!([0, 8, 9].map(is_held), [false, false, true]);
    }
}
