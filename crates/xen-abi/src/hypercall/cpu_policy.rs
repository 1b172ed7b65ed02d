//! What a domain's CPUs look like: CPUID leaves and MSR values in Xen's serialised form (public/arch-x86/xen.h), for domctl and sysctl.

use crate::call::OperationError;
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// One CPUID leaf.
    LEAF_RECORD = "struct xen_cpuid_leaf", size 24 {
        /// The leaf.
        LEAF: u32 = "leaf" @ 0;
        /// The subleaf, or [`NO_SUBLEAF`].
        SUBLEAF: u32 = "subleaf" @ 4;
        /// EAX.
        A: u32 = "a" @ 8;
        /// EBX.
        B: u32 = "b" @ 12;
        /// ECX.
        C: u32 = "c" @ 16;
        /// EDX.
        D: u32 = "d" @ 20;
    }
}

record! {
    /// One MSR.
    MSR_RECORD = "struct xen_msr_entry", size 16 {
        /// The MSR's index.
        IDX: u32 = "idx" @ 0;
        /// Zero.
        FLAGS: u32 = "flags" @ 4;
        /// Its value.
        VAL: u64 = "val" @ 8;
    }
}

constants! {
    /// Values of the leaf.
    VALUES: u32 {
        /// The leaf has no subleaves.
        NO_SUBLEAF = XEN_CPUID_NO_SUBLEAF, 0xffff_ffff;
    }
}

/// How many leaves a policy can have at most; Xen's own bound is near 120 in every release of the table.
pub const LEAVES_MAX: usize = 512;
/// How many MSRs a policy can have at most; Xen's own bound is 4 or fewer.
pub const MSRS_MAX: usize = 64;

/// One CPUID leaf.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuidLeaf {
    /// The leaf: what goes into EAX.
    pub leaf: u32,
    /// The subleaf: what goes into ECX, where the leaf has any.
    pub subleaf: Option<u32>,
    /// EAX, EBX, ECX, EDX.
    pub registers: [u32; 4],
}

/// One MSR.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MsrEntry {
    /// The MSR's index.
    pub index: u32,
    /// Its value.
    pub value: u64,
}

/// A policy: what guests see of the CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CpuPolicy {
    /// The leaves, in the order Xen gives them.
    pub leaves: Vec<CpuidLeaf>,
    /// The MSRs.
    pub msrs: Vec<MsrEntry>,
}

fn bounded<T>(what: &'static str, list: &[T], most: usize) -> Result<usize, OperationError> {
    if list.len() > most {
        return Err(OperationError::OutOfRange { what, value: list.len() as u64, bound: "what a CPU policy can have" });
    }
    Ok(list.len())
}

fn put_leaf(release: &Release, record: &mut [u8], leaf: &CpuidLeaf) -> Result<(), OperationError> {
    LEAF.put(release, record, leaf.leaf.into())?;
    SUBLEAF.put(release, record, leaf.subleaf.unwrap_or(NO_SUBLEAF).into())?;
    for (member, value) in [A, B, C, D].iter().zip(leaf.registers) {
        member.put(release, record, value.into())?;
    }
    Ok(())
}

fn get_leaf(release: &Release, record: &[u8]) -> Result<CpuidLeaf, OperationError> {
    let subleaf = SUBLEAF.get_u32(release, record)?;
    let mut registers = [0; 4];
    for (member, value) in [A, B, C, D].iter().zip(&mut registers) {
        *value = member.get_u32(release, record)?;
    }
    Ok(CpuidLeaf { leaf: LEAF.get_u32(release, record)?, subleaf: (subleaf != NO_SUBLEAF).then_some(subleaf), registers })
}

impl CpuPolicy {
    /// The leaves as Xen reads them.
    pub fn leaf_bytes(&self, release: &Release) -> Result<Vec<u8>, OperationError> {
        let size = LEAF_RECORD.size(release)?;
        let mut bytes = vec![0; size * bounded("CPUID leaves", &self.leaves, LEAVES_MAX)?];
        for (record, leaf) in bytes.chunks_exact_mut(size).zip(&self.leaves) {
            put_leaf(release, record, leaf)?;
        }
        Ok(bytes)
    }

    /// The MSRs as Xen reads them.
    pub fn msr_bytes(&self, release: &Release) -> Result<Vec<u8>, OperationError> {
        let size = MSR_RECORD.size(release)?;
        let mut bytes = vec![0; size * bounded("MSR entries", &self.msrs, MSRS_MAX)?];
        for (record, msr) in bytes.chunks_exact_mut(size).zip(&self.msrs) {
            IDX.put(release, record, msr.index.into())?;
            VAL.put(release, record, msr.value)?;
        }
        Ok(bytes)
    }

    /// Reads as many leaves and MSRs as Xen says it wrote.
    pub fn read(release: &Release, leaves: (&[u8], u64), msrs: (&[u8], u64)) -> Result<CpuPolicy, OperationError> {
        let leaves = records(LEAF_RECORD.size(release)?, leaves)?;
        let msrs = records(MSR_RECORD.size(release)?, msrs)?;
        let entry = |record: &[u8]| Ok(MsrEntry { index: IDX.get_u32(release, record)?, value: VAL.get(release, record)? });
        Ok(CpuPolicy {
            leaves: leaves.map(|record| get_leaf(release, record)).collect::<Result<_, _>>()?,
            msrs: msrs.map(entry).collect::<Result<_, OperationError>>()?,
        })
    }
}

fn records(size: usize, (bytes, count): (&[u8], u64)) -> Result<std::slice::ChunksExact<'_, u8>, OperationError> {
    let used = usize::try_from(count).ok().and_then(|count| count.checked_mul(size));
    let used = used.and_then(|used| bytes.get(..used));
    let used = used.ok_or_else(|| OperationError::Malformed(format!("{count} records in {} bytes", bytes.len())))?;
    Ok(used.chunks_exact(size))
}
