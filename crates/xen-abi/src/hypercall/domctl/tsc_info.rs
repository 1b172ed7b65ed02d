//! `XEN_DOMCTL_settscinfo`: how a domain sees the time stamp counter.

use super::{Request, SETTSCINFO};
use crate::call::{Call, Operation, OperationError};
use crate::names::DomId;
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_domctl_tsc_info", size 24 {
        /// [`TscMode`].
        MODE: u32 = "tsc_mode" @ 0;
        /// The frequency in kHz, for a domain that comes from another host.
        GTSC_KHZ: u32 = "gtsc_khz" @ 4;
        /// How often the domain moved between hosts.
        INCARNATION: u32 = "incarnation" @ 8;
        /// Nanoseconds already elapsed.
        ELAPSED_NSEC: u64 = "elapsed_nsec" @ 16;
    }
}

constants! {
    /// The modes (public/arch-x86/cpuid.h from 4.18, and the same in Xen's own headers before).
    MODES: u32 {
        /// [`TscMode::Default`].
        MODE_DEFAULT = XEN_CPUID_TSC_MODE_DEFAULT, 0 since V4_18;
        /// [`TscMode::AlwaysEmulate`].
        MODE_ALWAYS_EMULATE = XEN_CPUID_TSC_MODE_ALWAYS_EMULATE, 1 since V4_18;
        /// [`TscMode::NeverEmulate`].
        MODE_NEVER_EMULATE = XEN_CPUID_TSC_MODE_NEVER_EMULATE, 2 since V4_18;
    }
}

/// Who answers the guest's `rdtsc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TscMode {
    /// The CPU where that is safe, Xen otherwise.
    #[default]
    Default,
    /// Xen, always.
    AlwaysEmulate,
    /// The CPU, always.
    NeverEmulate,
}

/// Sets the mode of a domain that was born here. A fresh domain is in the default mode already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetTscInfo {
    /// The domain.
    pub domid: DomId,
    /// The mode.
    pub mode: TscMode,
}

impl Operation for SetTscInfo {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mode = match self.mode {
            TscMode::Default => MODE_DEFAULT,
            TscMode::AlwaysEmulate => MODE_ALWAYS_EMULATE,
            TscMode::NeverEmulate => MODE_NEVER_EMULATE,
        };
        Ok(Request::new(release, SETTSCINFO, self.domid)?.with(&MODE, mode.into())?.call())
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
