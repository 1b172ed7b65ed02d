//! `XEN_DOMCTL_get_cpu_policy` and `set_cpu_policy`: what one domain's CPUs look like.
//!
//! A fresh domain already has the host's `hvm_default` policy, with the wrong topology.

use super::{GET_CPU_POLICY, Request, SET_CPU_POLICY, body, pointer_offset};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::hypercall::cpu_policy::{CpuPolicy, LEAF_RECORD, LEAVES_MAX, MSR_RECORD, MSRS_MAX, NO_SUBLEAF};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The body. 4.18 renamed the two pointers in place.
    RECORD = "struct xen_domctl_cpu_policy", size 40 {
        /// How many leaves; out: how many written.
        NR_LEAVES: u32 = "nr_leaves" @ 0;
        /// How many MSRs; out: how many written.
        NR_MSRS: u32 = "nr_msrs" @ 4;
        /// Where the leaves are.
        LEAVES: u64 = "leaves" once "cpuid_policy" @ 8;
        /// Where the MSRs are.
        MSRS: u64 = "msrs" once "msr_policy" @ 16;
        /// The leaf that Xen refuses, in some failures of set.
        ERR_LEAF: u32 = "err_leaf" @ 24;
        /// Its subleaf.
        ERR_SUBLEAF: u32 = "err_subleaf" @ 28;
        /// The MSR that Xen refuses, in some failures of set.
        ERR_MSR: u32 = "err_msr" @ 32;
    }
}

/// What Xen leaves in the `err_` fields where it refuses nothing in particular (xen/arch/x86/domctl.c).
const NONE_IN_PARTICULAR: u32 = u32::MAX;

fn with_buffers(
    request: Request<'_>,
    release: &Release,
    direction: Direction,
    buffers: (Vec<u8>, Vec<u8>),
) -> Result<Call, OperationError> {
    let offset = pointer_offset(release, &MSRS)?;
    let call = request.call_with(&LEAVES, direction, buffers.0)?;
    Ok(call.buffer(direction, buffers.1).patch(0, offset, 2))
}

/// Reads a domain's policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetCpuPolicy {
    /// The domain.
    pub domid: DomId,
}

impl Operation for GetCpuPolicy {
    type Reply = CpuPolicy;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let request =
            Request::new(release, GET_CPU_POLICY, self.domid)?.with(&NR_LEAVES, LEAVES_MAX as u64)?.with(&NR_MSRS, MSRS_MAX as u64)?;
        let leaves = vec![0; LEAVES_MAX * LEAF_RECORD.size(release)?];
        let msrs = vec![0; MSRS_MAX * MSR_RECORD.size(release)?];
        with_buffers(request, release, Direction::Out, (leaves, msrs))
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<CpuPolicy, OperationError> {
        let leaves = NR_LEAVES.get(release, body(call)?)?;
        let msrs = NR_MSRS.get(release, body(call)?)?;
        CpuPolicy::read(release, (call.bytes(1), leaves), (call.bytes(2), msrs))
    }
}

/// Changes the leaves and MSRs given, and leaves all others as they are. EEXIST once the domain ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCpuPolicy {
    /// The domain.
    pub domid: DomId,
    /// What to change.
    pub policy: CpuPolicy,
}

impl Operation for SetCpuPolicy {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let request = Request::new(release, SET_CPU_POLICY, self.domid)?
            .with(&NR_LEAVES, self.policy.leaves.len() as u64)?
            .with(&NR_MSRS, self.policy.msrs.len() as u64)?;
        let buffers = (self.policy.leaf_bytes(release)?, self.policy.msr_bytes(release)?);
        with_buffers(request, release, Direction::In, buffers)
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }

    fn explain(&self, release: &Release, call: &Call) -> Option<String> {
        let body = body(call).ok()?;
        let leaf = ERR_LEAF.get_u32(release, body).ok()?;
        let subleaf = ERR_SUBLEAF.get_u32(release, body).ok()?;
        let msr = ERR_MSR.get_u32(release, body).ok()?;
        match (leaf, msr) {
            (0, 0) | (NONE_IN_PARTICULAR, NONE_IN_PARTICULAR) => None,
            (NONE_IN_PARTICULAR, msr) => Some(format!("Xen refuses MSR {msr:#x}")),
            (leaf, _) if subleaf == NO_SUBLEAF => Some(format!("Xen refuses CPUID leaf {leaf:#x}")),
            (leaf, _) => Some(format!("Xen refuses CPUID leaf {leaf:#x} subleaf {subleaf:#x}")),
        }
    }
}
