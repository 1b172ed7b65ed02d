//! Layouts, and the bytes that a domain finds when it starts.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use xen_abi::Release;
use xen_abi::boot::hvm_record::{cpu, mtrr};
use xen_abi::boot::start_info::{memmap, module, record};
use xen_abi::hypercall::cpu_policy::{CpuPolicy, CpuidLeaf};
use xen_abi::hypercall::memory::set_memory_map::MemoryKind;
use xen_guest::loader::elf::{FileRange, LoadSegment};
use xen_guest::loader::kernel::KernelInfo;
use xen_guest::pvh::layout::{HOLE_START, Layout, LayoutError, Request, Span};
use xen_guest::pvh::{acpi, start_info, topology, vcpu};

const MIB: u64 = 1 << 20;

fn kernel(start: u64, bytes: u64, wants_low_rsdp: bool) -> KernelInfo {
    let file = FileRange { offset: 0, bytes };
    KernelInfo { segments: vec![LoadSegment { file, paddr: start, memory_bytes: bytes }], entry: start as u32, wants_low_rsdp }
}

/// Debian's 6.1: 16 to 74 MiB.
fn debian() -> KernelInfo {
    kernel(16 * MIB, 58 * MIB, false)
}

fn request(kernel: &KernelInfo, memory_mib: u64) -> Request<'_> {
    Request { kernel, initrd_bytes: None, cmdline: "console=hvc0", memory_bytes: memory_mib * MIB, vcpus: 1, release: Release::V4_17 }
}

#[test]
fn what_cannot_be_laid_out_is_told() {
    let debian = debian();
    let tiny = kernel(MIB, 4096, false);
    let old_low = kernel(0xf_0000, 0x20000, true);
    let long = "x".repeat(4096);
    let cases: Vec<(&str, Request<'_>, &str)> = vec![
        ("64 MiB for Debian", request(&debian, 64), "memory of 65536 KiB is too small: kernel and initrd need at least 75 MiB"),
        ("exactly the kernel", request(&debian, 74), "at least 75 MiB"),
        ("with an initrd", Request { initrd_bytes: Some(20 * MIB), ..request(&debian, 90) }, "at least 95 MiB"),
        ("4 MiB", request(&tiny, 4), "at least 8 MiB"),
        ("an initrd for no machine", Request { initrd_bytes: Some(4000 * MIB), ..request(&debian, 16384) }, "use a smaller initrd"),
        ("no vcpus", Request { vcpus: 0, ..request(&tiny, 8) }, "0 vcpus: a PVH domain has 1 to 128"),
        ("129 vcpus", Request { vcpus: 129, ..request(&tiny, 8) }, "129 vcpus"),
        ("uneven", Request { memory_bytes: 8 * MIB + 1, ..request(&tiny, 8) }, "no multiple of 4 KiB"),
        ("a long line", Request { cmdline: &long, ..request(&tiny, 8) }, "the command line has 4096 bytes"),
        ("a zero in the line", Request { cmdline: "a\0b", ..request(&tiny, 8) }, "zero byte at 1"),
        ("over the RSDP", request(&old_low, 64), "where it would search the ACPI root"),
    ];
    for (name, request, expected) in cases {
        let error = Layout::plan(&request).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn what_would_do_does() {
    let debian = debian();
    for initrd_bytes in [None, Some(1), Some(30 * MIB + 5)] {
        let asked = Request { initrd_bytes, ..request(&debian, 16) };
        let Err(LayoutError::TooSmall { enough_mib, .. }) = Layout::plan(&asked) else { panic!("16 MiB hold it") };
        assert!(Layout::plan(&Request { memory_bytes: enough_mib * MIB, ..asked }).is_ok());
        assert!(Layout::plan(&Request { memory_bytes: (enough_mib - 1) * MIB, ..asked }).is_err());
    }
}

#[test]
fn memory_goes_around_the_hole() {
    let tiny = kernel(MIB, 4096, false);
    for (memory_mib, low_mib, high_mib) in [(8, 8, 0), (4032, 4032, 0), (4033, 4032, 1), (1 << 20, 4032, (1 << 20) - 4032)] {
        let layout = Layout::plan(&request(&tiny, memory_mib)).unwrap();
        assert_eq!(layout.low_ram.bytes, low_mib * MIB);
        assert_eq!(layout.high_ram.map_or(0, |high| high.bytes), high_mib * MIB);
    }
}

#[test]
fn acpi_ranges_follow_the_release() {
    let tiny = kernel(MIB, 4096, false);
    for release in Release::ALL {
        let layout = Layout::plan(&Request { release, ..request(&tiny, 8) }).unwrap();
        let tables = layout.map.iter().find(|entry| entry.start == HOLE_START).unwrap();
        let expected = if release >= Release::V4_21 { MemoryKind::AcpiNvs } else { MemoryKind::AcpiReclaimable };
        assert_eq!(tables.kind, expected, "{release}");
    }
}

fn overlaps(a: &Span, b: &Span) -> bool {
    a.start < b.end() && b.start < a.end()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Whatever is asked: nothing overlaps, everything lies in RAM, and the sums are right.
    #[test]
    fn layouts_hold_together(
        memory_pages in 2048u64..8 << 20,
        vcpus in 1u32..=128,
        start in 0u64..2000,
        kernel_bytes in 1u64..200 * MIB,
        initrd in prop::option::of(1u64..300 * MIB),
        cmdline in "[a-z =,]{0,200}",
        low_rsdp: bool,
        release in prop::sample::select(Release::ALL.to_vec()),
    ) {
        let kernel = kernel(MIB + start * 4096, kernel_bytes, low_rsdp);
        let asked = Request { kernel: &kernel, initrd_bytes: initrd, cmdline: &cmdline, memory_bytes: memory_pages * 4096, vcpus, release };
        let layout = match Layout::plan(&asked) {
            Ok(layout) => layout,
            Err(LayoutError::TooSmall { memory_bytes, enough_mib }) => {
                prop_assert!(enough_mib * MIB > memory_bytes);
                let enough = Request { memory_bytes: enough_mib * MIB, ..asked };
                prop_assert!(Layout::plan(&enough).is_ok());
                return Ok(());
            }
            Err(other) => panic!("{other}"),
        };
        let placed: Vec<Span> = [Some(layout.kernel), layout.initrd, Some(layout.start_info)].into_iter().flatten().collect();
        for (index, span) in placed.iter().enumerate() {
            prop_assert!(layout.low_ram.holds(span));
            prop_assert!(placed[index + 1..].iter().all(|other| !overlaps(span, other)));
        }
        let ram = layout.low_ram.bytes + layout.high_ram.map_or(0, |high| high.bytes);
        prop_assert_eq!(ram, memory_pages * 4096);
        prop_assert_eq!(layout.total_pages(), memory_pages + layout.extra_gfns().len() as u64);
        prop_assert!(layout.extra_gfns().iter().all(|gfn| gfn * 4096 >= HOLE_START && gfn * 4096 < 1 << 32));

        prop_assert!(layout.map.windows(2).all(|pair| pair[0].start + pair[0].length <= pair[1].start), "sorted, apart");
        let said: u64 = layout.map.iter().filter(|entry| entry.kind == MemoryKind::Ram).map(|entry| entry.length).sum();
        prop_assert_eq!(said, ram - if low_rsdp { 4096 } else { 0 });
    }
}

#[test]
fn the_start_record_says_where_everything_is() {
    let debian = debian();
    for (initrd_bytes, cmdline) in [(None, ""), (Some(12345), "console=hvc0 root=/dev/xvda1")] {
        let asked = Request { initrd_bytes, cmdline, ..request(&debian, 6000) };
        let layout = Layout::plan(&asked).unwrap();
        let bytes = start_info::encode(&layout, cmdline).unwrap();
        assert_eq!(bytes.len() as u64, layout.start_info.bytes);
        let base = layout.start_info.start;
        let get = |field: xen_abi::layout::Field| field.get(&bytes).unwrap();
        let at = |field| (get(field) - base) as usize;
        assert_eq!((get(record::MAGIC), get(record::VERSION), get(record::FLAGS)), (0x336e_c578, 1, 0));
        assert_eq!(get(record::RSDP_PADDR), layout.acpi.rsdp_address);
        let line = &bytes[at(record::CMDLINE_PADDR)..];
        assert_eq!(&line[..=cmdline.len()], [cmdline.as_bytes(), &[0]].concat());
        assert_eq!(get(record::NR_MODULES), u64::from(initrd_bytes.is_some()));
        if let Some(initrd) = layout.initrd {
            let modules = at(record::MODLIST_PADDR);
            assert_eq!(module::PADDR.at(modules).get(&bytes).unwrap(), initrd.start);
            assert_eq!(module::BYTES.at(modules).get(&bytes).unwrap(), 12345);
            assert_eq!(initrd.start % 4096, 0);
        } else {
            assert_eq!(get(record::MODLIST_PADDR), 0);
        }
        assert_eq!(get(record::MEMMAP_ENTRIES), 4);
        let map = at(record::MEMMAP_PADDR);
        let third = map + 2 * memmap::SIZE;
        assert_eq!(memmap::ADDR.at(third).get(&bytes).unwrap(), 0xfeff_8000);
        assert_eq!(memmap::TYPE.at(third).get(&bytes).unwrap(), 2);
        assert_eq!(map % 8, 0);
    }
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// The table at an address: signature right, length inside, bytes adding up to zero.
fn table<'a>(tables: &'a acpi::AcpiTables, address: u64, signature: &[u8]) -> &'a [u8] {
    let at = (address - tables.address) as usize;
    let bytes = &tables.bytes[at..];
    let bytes = &bytes[..word(bytes, 4) as usize];
    assert_eq!(&bytes[..4], signature);
    if signature != b"FACS" {
        assert_eq!(bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0, "checksum of {signature:?}");
    }
    bytes
}

#[test]
fn acpi_tables_lead_to_every_processor() {
    for (vcpus, low) in [(1, false), (4, true), (16, false), (128, false), (128, true)] {
        let tables = acpi::tables(HOLE_START, vcpus, low);
        assert!(tables.bytes.len() < 64 << 10);
        let rsdp = match &tables.low_rsdp {
            Some(rsdp) => rsdp.as_slice(),
            None => &tables.bytes[(tables.rsdp_address - tables.address) as usize..],
        };
        assert_eq!(tables.rsdp_address == 0xf_ffc0, low);
        assert_eq!(&rsdp[..8], b"RSD PTR ");
        for length in [20, 36] {
            assert_eq!(rsdp[..length].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        }
        let rsdt = table(&tables, word(rsdp, 16), b"RSDT");
        let xsdt = table(&tables, long(rsdp, 24), b"XSDT");
        assert_eq!((rsdt.len(), xsdt.len()), (36 + 8, 36 + 16));
        assert_eq!(word(rsdt, 36), long(xsdt, 36));
        let fadt = table(&tables, long(xsdt, 36), b"FACP");
        assert_eq!((word(fadt, 40), word(fadt, 36)), (long(fadt, 140), long(fadt, 132)), "DSDT and FACS, twice");
        assert_eq!(fadt[109], 0x24, "no VGA, no CMOS clock, no 8042");
        assert_eq!(word(fadt, 112) & 1 << 20, 0, "not hardware-reduced");
        assert_eq!(table(&tables, long(fadt, 132), b"FACS").len(), 64);
        assert_eq!(long(fadt, 132) % 64, 0);
        let dsdt = table(&tables, long(fadt, 140), b"DSDT");
        let devices = dsdt.windows(9).filter(|bytes| bytes == b"\x0dACPI0007").count();
        assert_eq!(devices as u32, vcpus);
        let madt = table(&tables, long(xsdt, 44), b"APIC");
        assert_eq!(word(madt, 36), 0xfee0_0000);
        let entries: Vec<&[u8]> = madt[44..].chunks(8).collect();
        assert_eq!(entries.len() as u32, vcpus);
        for (vcpu, entry) in (0u32..).zip(entries) {
            assert_eq!(entry, [0, 8, vcpu as u8, acpi::apic_id(vcpu) as u8, 1, 0, 0, 0]);
        }
    }
}

fn save_record(code: u16, vcpu: u16, body: &[u8]) -> Vec<u8> {
    [&code.to_le_bytes()[..], &vcpu.to_le_bytes(), &(body.len() as u32).to_le_bytes(), body].concat()
}

#[test]
fn vcpu_0_starts_as_the_protocol_says() {
    let mut xens = save_record(1, 0, &[7; 24]);
    for vcpu in 0..3 {
        xens.extend(save_record(2, vcpu, &[9; 1032]));
        xens.extend(save_record(14, vcpu, &[vcpu as u8; 240]));
    }
    let whole = [xens.clone(), save_record(0, 0, &[])].concat();
    let stream = vcpu::context(&whole, 3, 0x100_0850, 0x4a0_0000).unwrap();
    let mut expected = save_record(1, 0, &[7; 24]);
    for vcpu in 0..3u16 {
        let mut types = vec![vcpu as u8; 240];
        mtrr::DEF_TYPE.put(&mut types, 0x806).unwrap();
        expected.extend(save_record(14, vcpu, &types));
    }
    assert_eq!(&stream[..expected.len()], expected);
    let registers = &stream[expected.len() + 8..];
    for (field, value) in [
        (cpu::RIP, 0x100_0850),
        (cpu::RBX, 0x4a0_0000),
        (cpu::CR0, 0x11),
        (cpu::CS_LIMIT, 0xffff_ffff),
        (cpu::CS_ARBYTES, 0xc9b),
        (cpu::SS_ARBYTES, 0xc93),
        (cpu::TR_LIMIT, 0x67),
        (cpu::TR_ARBYTES, 0x8b),
    ] {
        assert_eq!(field.get(registers).unwrap(), value, "{field:?}");
    }
    assert_eq!(&registers[1032..], save_record(0, 0, &[]), "the end, and nothing after it");

    for (name, damaged) in [
        ("no records", vec![]),
        ("no end", xens.clone()),
        ("no vcpu 3", whole.clone()),
        ("cut", whole[..500].to_vec()),
        ("another size", save_record(1, 0, &[7; 32])),
    ] {
        assert!(vcpu::context(&damaged, 4, 0, 0).is_err(), "{name}");
    }
}

fn leaf(leaf: u32, subleaf: Option<u32>, registers: [u32; 4]) -> CpuidLeaf {
    CpuidLeaf { leaf, subleaf, registers }
}

/// Leaf 0 of a vendor: the name in ebx, edx, ecx.
fn vendor(name: &[u8; 12]) -> CpuidLeaf {
    let part = |at: usize| u32::from_le_bytes(name[at..at + 4].try_into().unwrap());
    leaf(0, None, [0xd, part(0), part(8), part(4)])
}

#[test]
fn topology_doubles_what_the_host_says() {
    let intel = vendor(b"GenuineIntel");
    let amd = vendor(b"AuthenticAMD");
    let hygon = vendor(b"HygonGenuine");
    let other = vendor(b"CentaurHauls");
    let basic = 1 << 28 | 1 << 6;
    let cases: Vec<(&str, CpuidLeaf, CpuidLeaf, Option<[u32; 4]>)> = vec![
        ("ids doubled", intel, leaf(1, None, [1, 4 << 16 | 7, 0, 0]), Some([1, 8 << 16 | 7, 0, basic])),
        ("none becomes two", amd, leaf(1, None, [1, 0, 0, basic]), Some([1, 2 << 16, 0, basic])),
        ("128 stay", amd, leaf(1, None, [1, 0x80 << 16, 0, basic]), None),
        ("no VMX", intel, leaf(1, None, [0, 0x80 << 16, 1 << 5 | 1, basic]), Some([0, 0x80 << 16, 1, basic])),
        ("Intel cache", intel, leaf(4, Some(0), [3 << 26 | 1 << 14 | 0x121, 1, 2, 3]), Some([7 << 26 | 0x121, 1, 2, 3])),
        ("no cache", intel, leaf(4, Some(4), [0, 0, 0, 0]), None),
        ("AMD has no leaf 4", amd, leaf(4, Some(0), [3 << 26 | 1, 1, 2, 3]), None),
        ("no SVM, no cmp_legacy", amd, leaf(0x8000_0001, None, [0, 0, 7, 0]), Some([0, 0, 1, 0])),
        ("no invariant TSC", intel, leaf(0x8000_0007, None, [0, 0, 0, 0x100]), Some([0; 4])),
        ("AMD cores", amd, leaf(0x8000_0008, None, [0, 0, 2 << 12 | 3, 0]), Some([0, 0, 3 << 12 | 7, 0])),
        ("width 7 stays", hygon, leaf(0x8000_0008, None, [0, 0, 7 << 12 | 3, 0]), Some([0, 0, 7 << 12 | 7, 0])),
        ("width 0 stays", amd, leaf(0x8000_0008, None, [0, 0, 0, 0]), Some([0, 0, 1, 0])),
        ("127 cores stay", amd, leaf(0x8000_0008, None, [0, 0, 0x7f, 0]), None),
        ("others have none", other, leaf(0x8000_0008, None, [0, 0, 3, 0]), None),
        ("other leaves stay", intel, leaf(7, Some(0), [1, 2, 3, 4]), None),
    ];
    for (name, vendor, before, after) in cases {
        let edits = topology::edits(&CpuPolicy { leaves: vec![vendor, before], msrs: vec![] });
        let expected: Vec<CpuidLeaf> = after.map(|registers| CpuidLeaf { registers, ..before }).into_iter().collect();
        assert_eq!(edits.leaves, expected, "{name}");
    }
}
