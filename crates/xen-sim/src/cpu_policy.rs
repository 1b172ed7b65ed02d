//! What the host's processors look like to guests: CPUID leaves in Xen's serialised form (public/arch-x86/xen.h).
//!
//! ```text
//!   leaf:  leaf | subleaf (all ones: none) | a | b | c | d      24 bytes
//!   MSR:   index | flags (zero) | value                         16 bytes
//! ```
//!
//! The checks on what a toolstack sets are those of xen/lib/x86/cpuid.c and policy.c.

use xen_abi::{Errno, Release};

use crate::call::Image;
use crate::config::CpuVendor;
use crate::domain::CpuidLeaf;

/// Bytes of a leaf.
pub(crate) const LEAF_BYTES: usize = 24;
/// Bytes of an MSR entry.
pub(crate) const MSR_BYTES: usize = 16;
/// `CPUID_MAX_SERIALISED_LEAVES`: 14 + 2 + 5 + 1 + 62 basic, 34 extended, 2 of hypervisors.
pub(crate) const LEAVES_MAX: u64 = 120;
/// `MSR_INTEL_PLATFORM_INFO`.
const PLATFORM_INFO: u32 = 0xce;
/// `MSR_ARCH_CAPABILITIES`, settable from 4.15.
const ARCH_CAPABILITIES: u32 = 0x10a;
/// "No subleaf", and "no leaf" where a refusal names none.
const NONE: u32 = u32::MAX;
/// Basic leaves.
const BASIC: u32 = 0xe;
/// Extended leaves.
const EXTENDED: u32 = 0x22;

/// `MSR_MAX_SERIALISED_ENTRIES` of a release.
pub(crate) fn msrs_max(release: &Release) -> u64 {
    if *release >= Release::V4_15 { 2 } else { 1 }
}

/// Subleaves of the basic leaves that have any.
fn subleaves(leaf: u32) -> Option<u32> {
    match leaf {
        4 => Some(6),
        7 => Some(3),
        0xb => Some(2),
        0xd => Some(63),
        _ => None,
    }
}

/// The most that a domain may have.
pub(crate) fn hvm_max(vendor: CpuVendor) -> Vec<CpuidLeaf> {
    let [b, d, c] = match vendor {
        CpuVendor::Amd => [*b"Auth", *b"enti", *b"cAMD"],
        CpuVendor::Intel => [*b"Genu", *b"ineI", *b"ntel"],
    }
    .map(u32::from_le_bytes);
    let highest = match vendor {
        CpuVendor::Amd => 0x8000_000a,
        CpuVendor::Intel => 0x8000_0008,
    };
    let mut leaves: Vec<CpuidLeaf> = (0..BASIC).filter(|leaf| subleaves(*leaf).is_none()).map(|leaf| [leaf, NONE, 0, 0, 0, 0]).collect();
    leaves.extend([4, 7, 0xb, 0xd].map(|leaf| [leaf, 0, 0, 0, 0, 0]));
    leaves.extend([[0x4000_0000, NONE, 0, 0, 0, 0], [0x4000_0100, NONE, 0, 0, 0, 0]]);
    leaves.extend((0x8000_0000..=highest).map(|leaf| [leaf, NONE, 0, 0, 0, 0]));
    leaves.sort_unstable();
    set(&mut leaves, [0, NONE, BASIC - 1, b, c, d]);
    // Family 15, clflush 64 bytes, one logical processor; PAE, SSE2 and their like.
    set(&mut leaves, [1, NONE, 0xf61, 0x0001_0800, 0x8020_2001, 0x078b_fbff]);
    set(&mut leaves, [0x8000_0000, NONE, highest, b, c, d]);
    set(&mut leaves, [0x8000_0001, NONE, 0xf61, 0, 0x0000_0021, 0x2010_0800]);
    set(&mut leaves, [0x8000_0008, NONE, 0x3028, 0, 0, 0]);
    if vendor == CpuVendor::Intel {
        set(&mut leaves, [4, 0, 0x0000_0121, 0x01c0_003f, 0x3f, 0]);
    }
    leaves
}

/// What a domain gets unless asked otherwise; the simulated host holds nothing back.
pub(crate) fn hvm_default(vendor: CpuVendor) -> Vec<CpuidLeaf> {
    hvm_max(vendor)
}

fn set(leaves: &mut Vec<CpuidLeaf>, wanted: CpuidLeaf) {
    let [leaf, subleaf, ..] = wanted;
    match leaves.iter_mut().find(|[known, sub, ..]| *known == leaf && *sub == subleaf) {
        Some(slot) => *slot = wanted,
        None => {
            leaves.push(wanted);
            leaves.sort_unstable();
        }
    }
}

/// The first output register of a leaf.
fn eax(leaves: &[CpuidLeaf], leaf: u32, subleaf: u32) -> u32 {
    leaves.iter().find(|[known, sub, ..]| *known == leaf && *sub == subleaf).map_or(0, |[_, _, a, ..]| *a)
}

/// The leaves as Xen writes them.
pub(crate) fn leaf_bytes(leaves: &[CpuidLeaf]) -> Vec<u8> {
    leaves.iter().flatten().flat_map(|word| word.to_le_bytes()).collect()
}

/// The MSRs as Xen writes them: one, with nothing in it.
pub(crate) fn msr_bytes() -> Vec<u8> {
    let mut bytes = PLATFORM_INFO.to_le_bytes().to_vec();
    bytes.resize(MSR_BYTES, 0);
    bytes
}

/// Gives records to a caller with room for so many, and says how many there are; a null pointer asks how many there can be.
pub(crate) fn give(image: &mut Image<'_>, to: Option<usize>, room: u64, records: &[u8], size: usize, most: u64) -> Result<u64, Errno> {
    let Some(buffer) = to else { return Ok(most) };
    let count = (records.len() / size) as u64;
    if room < count {
        return Err(Errno::ENOBUFS);
    }
    image.write(buffer, 0, records)?;
    Ok(count)
}

/// Why a policy was refused; all ones where that is not the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) errno: Errno,
    pub(crate) leaf: u32,
    pub(crate) subleaf: u32,
    pub(crate) msr: u32,
}

fn refused(errno: Errno, leaf: u32, subleaf: u32, msr: u32) -> Refused {
    Refused { errno, leaf, subleaf, msr }
}

/// A domain's policy with these leaves and MSRs put in, if the host can do that.
pub(crate) fn merge(
    had: &[CpuidLeaf],
    leaves: &[u8],
    msrs: &[u8],
    system: &[CpuidLeaf],
    release: &Release,
) -> Result<Vec<CpuidLeaf>, Refused> {
    let mut merged = had.to_vec();
    for record in leaves.chunks_exact(LEAF_BYTES) {
        let wanted = leaf(record);
        let [number, subleaf, ..] = wanted;
        if !in_range(number, subleaf) {
            return Err(refused(Errno::ERANGE, number, subleaf, NONE));
        }
        set(&mut merged, wanted);
    }
    for record in msrs.chunks_exact(MSR_BYTES) {
        check_msr(record, release)?;
    }
    for (number, subleaf) in [(0, NONE), (7, 0), (0x8000_0000, NONE)] {
        if eax(&merged, number, subleaf) > eax(system, number, subleaf) {
            return Err(refused(Errno::EINVAL, number, subleaf, NONE));
        }
    }
    Ok(merged)
}

fn leaf(record: &[u8]) -> CpuidLeaf {
    let mut words = [0; 6];
    for (word, bytes) in words.iter_mut().zip(record.chunks_exact(4)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    words
}

fn in_range(leaf: u32, subleaf: u32) -> bool {
    match leaf {
        0..BASIC => subleaves(leaf).map_or(subleaf == NONE, |count| subleaf < count),
        0x4000_0000 | 0x4000_0100 => subleaf == NONE,
        _ => (0x8000_0000..0x8000_0000 + EXTENDED).contains(&leaf) && subleaf == NONE,
    }
}

fn check_msr(record: &[u8], release: &Release) -> Result<(), Refused> {
    let [index, flags, low, high, ..] = leaf(record);
    let errno = match index {
        _ if flags != 0 => Errno::EINVAL,
        ARCH_CAPABILITIES if *release >= Release::V4_15 => return Ok(()),
        PLATFORM_INFO if high != 0 => Errno::EOVERFLOW,
        PLATFORM_INFO if low != 0 => Errno::EINVAL,
        PLATFORM_INFO => return Ok(()),
        _ => Errno::ERANGE,
    };
    Err(refused(errno, NONE, NONE, index))
}
