//! Calls as bytes, stated whole: what a reader can compare with the headers, field by field.

// The helpers stand outside the test functions, where clippy.toml's leave for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use xen_abi::hypercall::cpu_policy::{CpuPolicy, CpuidLeaf};
use xen_abi::hypercall::domctl::createdomain::{CDF_HAP, CDF_HVM, CreateDomain, CreateFlags, X86_EMU_LAPIC};
use xen_abi::hypercall::domctl::get_domain_state::GetDomainState;
use xen_abi::hypercall::domctl::hvmcontext::SetHvmContext;
use xen_abi::hypercall::domctl::paging_pool::SetPagingPool;
use xen_abi::hypercall::domctl::policy::SetCpuPolicy;
use xen_abi::hypercall::evtchn::AllocUnbound;
use xen_abi::hypercall::hvm::{HvmParam, SetHvmParam};
use xen_abi::hypercall::memory::pod_target::SetPodTarget;
use xen_abi::hypercall::memory::reservation::{MemFlags, PopulatePhysmap};
use xen_abi::hypercall::memory::set_memory_map::{MemoryKind, MemoryMapEntry, SetMemoryMap};
use xen_abi::hypercall::multicall;
use xen_abi::hypercall::sysctl::getdomaininfolist::GetDomainInfoList;
use xen_abi::text::Image;
use xen_abi::{DomId, Gfn, Operation, Release};

const D5: DomId = DomId(5);

fn create() -> CreateDomain {
    CreateDomain {
        domid: DomId::ANY,
        handle: *b"0123456789abcdef",
        ssidref: 0xc,
        flags: CreateFlags(CDF_HVM | CDF_HAP),
        max_vcpus: 2,
        max_evtchn_port: 1023,
        max_grant_frames: Some(64),
        max_maptrack_frames: None,
        max_grant_version: 2,
        cpupool: 0,
        emulation_flags: X86_EMU_LAPIC,
        relaxed_msr: false,
    }
}

/// Compares a call's text with a text indented as the table is.
fn check(release: Release, operation: &impl Operation, expected: &str) {
    let call = operation.encode(&release).unwrap();
    check_text(&format!("Xen {release}"), &Image(&call).to_string(), expected);
}

fn check_text(what: &str, text: &str, expected: &str) {
    let trimmed = |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(trimmed(text), trimmed(expected), "{what}");
}

#[test]
fn createdomain_moves_its_tail() {
    let head = "domctl createdomain: 36 (@0, 0x0, 0x0, 0x0, 0x0)\n@0 inout 144 bytes\n";
    let cases = [
        (
            Release::V4_14,
            "0000  01000000 12000000 f57f0000 00000000
             0010  0c000000 30313233 34353637 38396162
             0020  63646566 03000000 00000000 02000000
             0030  ff030000 40000000 ffffffff 01000000",
        ),
        (
            Release::V4_16,
            "0000  01000000 14000000 f57f0000 00000000
             0010  0c000000 30313233 34353637 38396162
             0020  63646566 03000000 00000000 02000000
             0030  ff030000 40000000 ffffffff 02000000
             0040  00000000 01000000 00000000 00000000",
        ),
        (
            Release::V4_17,
            "0000  01000000 15000000 f57f0000 00000000
             0010  0c000000 30313233 34353637 38396162
             0020  63646566 03000000 00000000 02000000
             0030  ff030000 40000000 ffffffff 02000000
             0040  00000000 00000000 01000000 00000000",
        ),
        (
            Release::V4_22,
            "0000  01000000 18000000 f57f0000 00000000
             0010  0c000000 30313233 34353637 38396162
             0020  63646566 03000000 00000000 02000000
             0030  ff030000 40000000 ffffffff 02000000
             0040  00000000 00000000 00000000 01000000",
        ),
    ];
    for (release, rows) in cases {
        check(release, &create(), &format!("{head}{rows}"));
    }
}

#[test]
fn the_paging_pool_has_two_routes() {
    let pool = SetPagingPool { domid: D5, bytes: (3 << 20) + 1 };
    check(
        Release::V4_16,
        &pool,
        "domctl shadow_op: 36 (@0, 0x0, 0x0, 0x0, 0x0)
         @0 inout 144 bytes
         0000  0a000000 14000000 05000000 00000000
         0010  1f000000 00000000 04000000 00000000",
    );
    check(
        Release::V4_17,
        &pool,
        "domctl set_paging_mempool_size: 36 (@0, 0x0, 0x0, 0x0, 0x0)
         @0 inout 144 bytes
         0000  56000000 15000000 05000000 00000000
         0010  00103000 00000000 00000000 00000000",
    );
}

#[test]
fn the_stable_domctl_speaks_number_zero() {
    check(
        Release::V4_21,
        &GetDomainState { domid: D5 },
        "domctl get_domain_state: 36 (@0, 0x0, 0x0, 0x0, 0x0)
         @0 inout 144 bytes
         0000  5a000000 00000000 05000000 00000000",
    );
}

#[test]
fn buffers_hang_at_their_pointers() {
    let leaf = CpuidLeaf { leaf: 1, subleaf: None, registers: [0xa, 0xb, 0xc, 0xd] };
    check(
        Release::V4_14,
        &SetCpuPolicy { domid: D5, policy: CpuPolicy { leaves: vec![leaf], msrs: vec![] } },
        "domctl set_cpu_policy: 36 (@0, 0x0, 0x0, 0x0, 0x0)
         @0 inout 144 bytes
         0018  @1
         0020  @2
         0000  53000000 12000000 05000000 00000000
         0010  01000000 00000000 00000000 00000000
         @1 in 24 bytes
         0000  01000000 ffffffff 0a000000 0b000000
         0010  0c000000 0d000000
         @2 in 0 bytes",
    );
    check(
        Release::V4_20,
        &SetHvmContext { domid: D5, context: vec![1, 2, 3] },
        "domctl sethvmcontext: 36 (@0, 0x0, 0x0, 0x0, 0x0)
         @0 inout 144 bytes
         0018  @1
         0000  22000000 17000000 05000000 00000000
         0010  03000000 00000000 00000000 00000000
         @1 in 3 bytes
         0000  010203",
    );
    check(
        Release::V4_20,
        &PopulatePhysmap { domid: D5, order: 9, flags: MemFlags(0), frames: vec![Gfn(0), Gfn(0x200)] },
        "memory_op populate_physmap: 12 (0x6, @0, 0x0, 0x0, 0x0)
         @0 in 32 bytes
         0000  @1
         0000  00000000 00000000 02000000 00000000
         0010  09000000 00000000 05000000 00000000
         @1 inout 16 bytes
         0000  00000000 00000000 00020000 00000000",
    );
    check(
        Release::V4_14,
        &SetMemoryMap { domid: D5, entries: vec![MemoryMapEntry { start: 0x1000, length: 0x2000, kind: MemoryKind::AcpiNvs }] },
        "memory_op set_memory_map: 12 (0xd, @0, 0x0, 0x0, 0x0)
         @0 in 24 bytes
         0010  @1
         0000  05000000 00000000 01000000 00000000
         @1 in 20 bytes
         0000  00100000 00000000 00200000 00000000
         0010  04000000",
    );
    check(
        Release::V4_14,
        &SetPodTarget { domid: D5, pages: 0x1234 },
        "memory_op set_pod_target: 12 (0x10, @0, 0x0, 0x0, 0x0)
         @0 inout 40 bytes
         0000  34120000 00000000 00000000 00000000
         0020  05000000 00000000",
    );
}

#[test]
fn the_array_of_domains_has_the_stride_of_the_release() {
    let list = GetDomainInfoList { first: DomId(3), max: 10 };
    for (release, number, bytes) in [(Release::V4_15, "13000000", 1040), (Release::V4_16, "14000000", 1120)] {
        let expected = format!(
            "sysctl getdomaininfolist: 35 (@0, 0x0, 0x0, 0x0, 0x0)
             @0 inout 136 bytes
             0010  @1
             0000  06000000 {number} 03000000 0a000000
             @1 out {bytes} bytes"
        );
        check(release, &list, &expected);
    }
}

#[test]
fn a_multicall_relocates_what_it_carries() {
    let release = Release::V4_17;
    let calls = [
        AllocUnbound { domid: D5, remote: DomId::DOM0 }.encode(&release).unwrap(),
        SetHvmParam { domid: D5, param: HvmParam::STORE_PFN, value: 0xfeffc }.encode(&release).unwrap(),
        PopulatePhysmap { domid: D5, order: 0, flags: MemFlags(0), frames: vec![Gfn(7)] }.encode(&release).unwrap(),
    ];
    let text = Image(&multicall::combine(&calls).unwrap()).to_string();
    check_text(
        "multicall",
        &text,
        "multicall: 13 (@0, 0x3, 0x0, 0x0, 0x0)
         entry 0 event_channel_op alloc_unbound
         entry 1 hvm_op set_param
         entry 2 memory_op populate_physmap
         @0 inout 192 bytes
         0018  @1
         0058  @2
         0098  @3
         0000  20000000 00000000 00000000 00000000
         0010  06000000 00000000 00000000 00000000
         0040  22000000 00000000 00000000 00000000
         0080  0c000000 00000000 00000000 00000000
         0090  06000000 00000000 00000000 00000000
         @1 inout 8 bytes
         0000  05000000 00000000
         @2 inout 16 bytes
         0000  05000000 01000000 fcef0f00 00000000
         @3 in 32 bytes
         0000  @4
         0000  00000000 00000000 01000000 00000000
         0010  00000000 00000000 05000000 00000000
         @4 inout 8 bytes
         0000  07000000 00000000",
    );
}
