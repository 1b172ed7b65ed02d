//! `XEN_SYSCTL_cpupool_op`: groups of CPUs with a scheduler each. Asked only; nothing is changed.

use super::sched_id::Scheduler;
use super::{CPUPOOL_OP, Request, body};
use crate::call::{Call, Operation, OperationError};
use crate::record::{Member, constants, record};
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_sysctl_cpupool_op", size 40 {
        /// What to do.
        OP: u32 = "op" @ 0;
        /// Which pool; out: the one that was found.
        CPUPOOL_ID: u32 = "cpupool_id" @ 4;
        /// Out: its scheduler.
        SCHED: u32 = "sched_id" @ 8;
        /// Out: how many domains it has.
        N_DOM: u32 = "n_dom" @ 20;
        /// Where the CPUs go, a bit each.
        CPUMAP: u64 = "cpumap.bitmap" @ 24;
        /// Room in bits.
        NR_CPUS: u32 = "cpumap.nr_bits" @ 32;
    }
}

constants! {
    /// What can be asked.
    OPS: u32 {
        /// [`NextCpuPool`].
        INFO = XEN_SYSCTL_CPUPOOL_OP_INFO, 3;
        /// [`GetFreeCpus`].
        FREEINFO = XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 7;
    }
}

/// The most CPUs that we ask for: more than any Xen can be built for (`NR_CPUS` of xen/arch/Kconfig: 4095 in 4.14, 16383 in 4.22).
pub const CPUS_MAX: u32 = 1 << 15;

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuPool {
    /// Its number.
    pub id: u32,
    /// Its scheduler.
    pub scheduler: Scheduler,
    /// How many domains it has.
    pub domains: u32,
    /// Its CPUs, in order.
    pub cpus: Vec<u32>,
}

/// Asks for the pool of this number, or the one with the next higher number. `ENOENT`: there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextCpuPool {
    /// The lowest number wanted.
    pub from: u32,
    /// Room in CPUs, 1 to [`CPUS_MAX`].
    pub cpus: u32,
}

impl Operation for NextCpuPool {
    type Reply = CpuPool;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        ask(release, INFO, self.cpus, &[(&CPUPOOL_ID, self.from)])
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<CpuPool, OperationError> {
        let word = |member: &Member| member.get_u32(release, body(call)?);
        let id = word(&CPUPOOL_ID)?;
        if id < self.from {
            return Err(OperationError::Malformed(format!("pool {id} where one from {} on was asked for", self.from)));
        }
        Ok(CpuPool { id, scheduler: Scheduler::from_id(word(&SCHED)?), domains: word(&N_DOM)?, cpus: bits(call.bytes(1)) })
    }
}

/// Asks for the CPUs that no pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetFreeCpus {
    /// Room in CPUs, 1 to [`CPUS_MAX`].
    pub cpus: u32,
}

impl Operation for GetFreeCpus {
    type Reply = Vec<u32>;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        ask(release, FREEINFO, self.cpus, &[])
    }

    fn decode(&self, _: &Release, _: i64, call: &Call) -> Result<Vec<u32>, OperationError> {
        Ok(bits(call.bytes(1)))
    }
}

fn ask(release: &Release, op: u32, cpus: u32, fields: &[(&Member, u32)]) -> Result<Call, OperationError> {
    if cpus == 0 || cpus > CPUS_MAX {
        return Err(OperationError::OutOfRange { what: "CPUs of a pool", value: cpus.into(), bound: "1 to 32768" });
    }
    let mut request = Request::new(release, CPUPOOL_OP)?.with(&OP, op.into())?.with(&NR_CPUS, cpus.into())?;
    for (member, value) in fields {
        request = request.with(member, (*value).into())?;
    }
    request.call_with(vec![(&CPUMAP, cpus.div_ceil(8) as usize)])
}

/// The numbers of the bits that are set: `struct xenctl_bitmap` (public/domctl.h) is bytes, the lowest bit first.
fn bits(bytes: &[u8]) -> Vec<u32> {
    (0..).zip(bytes).flat_map(|(index, byte)| (0..8).filter(move |bit| byte >> bit & 1 != 0).map(move |bit| index * 8 + bit)).collect()
}
