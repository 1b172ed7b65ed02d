//! What CPUID tells a domain of its topology: every vcpu a core of its own, with APIC ids 0, 2, 4 ...
//!
//! Xen gives a fresh domain the host's `hvm_default` policy, which describes the host's packages. As libxl does on every release
//! (tools/libs/guest/xg_cpuid_x86.c), the counts are doubled, since ids are; nested virtualisation and the invariant TSC are taken away.

use xen_abi::hypercall::cpu_policy::{CpuPolicy, CpuidLeaf};

/// Who made the CPU, as far as topology leaves differ.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Vendor {
    Intel,
    Amd,
    Other,
}

const EAX: usize = 0;
const EBX: usize = 1;
const ECX: usize = 2;
const EDX: usize = 3;

/// The leaves of a PVH domain that differ from the host's default policy; the others stay.
#[must_use]
pub fn edits(default: &CpuPolicy) -> CpuPolicy {
    let vendor = vendor(default);
    let leaves = default.leaves.iter().map(|leaf| (leaf, edit(vendor, *leaf)));
    let changed = leaves.filter(|(old, new)| *old != new).map(|(_, new)| new).collect();
    CpuPolicy { leaves: changed, msrs: Vec::new() }
}

fn vendor(policy: &CpuPolicy) -> Vendor {
    let name = policy.leaves.iter().find(|leaf| leaf.leaf == 0).map(|leaf| {
        let [_, b, c, d] = leaf.registers;
        [b, d, c].map(u32::to_le_bytes).concat()
    });
    match name.as_deref() {
        Some(b"GenuineIntel") => Vendor::Intel,
        Some(b"AuthenticAMD" | b"HygonGenuine") => Vendor::Amd,
        _ => Vendor::Other,
    }
}

fn edit(vendor: Vendor, mut leaf: CpuidLeaf) -> CpuidLeaf {
    let registers = &mut leaf.registers;
    match (leaf.leaf, vendor) {
        (1, _) => basic(registers),
        (4, Vendor::Intel) => cache(registers),
        // SVM and "cores count as logical processors".
        (0x8000_0001, _) => registers[ECX] &= !(1 << 2 | 1 << 1),
        // The invariant TSC would tie the domain to this host.
        (0x8000_0007, _) => registers[EDX] &= !(1 << 8),
        (0x8000_0008, Vendor::Amd) => registers[ECX] = cores(registers[ECX]),
        _ => {}
    }
    leaf
}

/// Leaf 1: no VMX, PAE and "more than one logical processor" set, and the number of ids doubled where it fits its byte.
fn basic(registers: &mut [u32; 4]) {
    registers[ECX] &= !(1 << 5);
    registers[EDX] |= 1 << 28 | 1 << 6;
    let ids = registers[EBX] >> 16 & 0xff;
    let doubled = match ids {
        0 => 2,
        1..=0x7f => ids * 2,
        _ => ids,
    };
    registers[EBX] = registers[EBX] & !(0xff << 16) | doubled << 16;
}

/// Intel's leaf 4, for each cache: twice the core ids in a package, and no cache shared between threads.
fn cache(registers: &mut [u32; 4]) {
    let kind = registers[EAX] & 0x1f;
    if kind == 0 {
        return;
    }
    let cores = registers[EAX] >> 26;
    let doubled = (cores << 1 | 1) & 0x3f;
    registers[EAX] = registers[EAX] & !(0x3f << 26 | 0xfff << 14) | doubled << 26;
}

/// AMD's count of cores, less one, and the width of their ids: zero has a meaning of its own, and more than 7 confuses some systems.
fn cores(ecx: u32) -> u32 {
    let (count, width) = (ecx & 0xff, ecx >> 12 & 0xf);
    if count >= 0x7f {
        return ecx;
    }
    let width = if (1..7).contains(&width) { width + 1 } else { width };
    ecx & !(0xff | 0xf << 12) | count << 1 | 1 | width << 12
}
