//! `XEN_SYSCTL_get_cpu_policy`: what the host's CPUs look like, and what Xen would give to a domain.

use super::{GET_CPU_POLICY, Request, body};
use crate::call::{Call, Operation, OperationError};
use crate::hypercall::cpu_policy::{CpuPolicy, LEAF_RECORD, LEAVES_MAX, MSR_RECORD, MSRS_MAX};
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_sysctl_cpu_policy", size 32 {
        /// Which policy.
        INDEX: u32 = "index" @ 0;
        /// Room in leaves; out: how many written.
        NR_LEAVES: u32 = "nr_leaves" @ 4;
        /// Room in MSRs; out: how many written.
        NR_MSRS: u32 = "nr_msrs" @ 8;
        /// Where the leaves go.
        LEAVES: u64 = "leaves" once "cpuid_policy" @ 16;
        /// Where the MSRs go.
        MSRS: u64 = "msrs" once "msr_policy" @ 24;
    }
}

constants! {
    /// The policies.
    POLICIES: u32 {
        /// [`SystemPolicy::Raw`].
        RAW = XEN_SYSCTL_cpu_policy_raw, 0;
        /// [`SystemPolicy::Host`].
        HOST = XEN_SYSCTL_cpu_policy_host, 1;
        /// [`SystemPolicy::PvMax`].
        PV_MAX = XEN_SYSCTL_cpu_policy_pv_max, 2;
        /// [`SystemPolicy::HvmMax`].
        HVM_MAX = XEN_SYSCTL_cpu_policy_hvm_max, 3;
        /// [`SystemPolicy::PvDefault`].
        PV_DEFAULT = XEN_SYSCTL_cpu_policy_pv_default, 4;
        /// [`SystemPolicy::HvmDefault`].
        HVM_DEFAULT = XEN_SYSCTL_cpu_policy_hvm_default, 5;
    }
}

/// One of Xen's own policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemPolicy {
    /// What the hardware says.
    Raw,
    /// What Xen uses.
    Host,
    /// The most that a PV domain can have.
    PvMax,
    /// The most that an HVM or PVH domain can have.
    HvmMax,
    /// What a PV domain gets unless asked otherwise.
    PvDefault,
    /// What an HVM or PVH domain gets unless asked otherwise.
    HvmDefault,
}

impl SystemPolicy {
    fn index(self) -> u32 {
        match self {
            SystemPolicy::Raw => RAW,
            SystemPolicy::Host => HOST,
            SystemPolicy::PvMax => PV_MAX,
            SystemPolicy::HvmMax => HVM_MAX,
            SystemPolicy::PvDefault => PV_DEFAULT,
            SystemPolicy::HvmDefault => HVM_DEFAULT,
        }
    }
}

/// Reads one of Xen's own policies. EOPNOTSUPP where Xen was built without that kind of domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetSystemPolicy {
    /// Which.
    pub policy: SystemPolicy,
}

impl Operation for GetSystemPolicy {
    type Reply = CpuPolicy;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let leaves = LEAVES_MAX * LEAF_RECORD.size(release)?;
        let msrs = MSRS_MAX * MSR_RECORD.size(release)?;
        Request::new(release, GET_CPU_POLICY)?
            .with(&INDEX, self.policy.index().into())?
            .with(&NR_LEAVES, LEAVES_MAX as u64)?
            .with(&NR_MSRS, MSRS_MAX as u64)?
            .call_with(vec![(&LEAVES, leaves), (&MSRS, msrs)])
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<CpuPolicy, OperationError> {
        let leaves = NR_LEAVES.get(release, body(call)?)?;
        let msrs = NR_MSRS.get(release, body(call)?)?;
        CpuPolicy::read(release, (call.bytes(1), leaves), (call.bytes(2), msrs))
    }
}
