//! What answers of Xen mean, release by release.

// The helpers stand outside the test functions, where clippy.toml's leave for tests does not reach.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use xen_abi::hypercall::cpu_policy::CpuPolicy;
use xen_abi::hypercall::domctl::getdomaininfo::{DomainInfo, GetDomainInfo, RECORD};
use xen_abi::hypercall::domctl::policy::{ERR_LEAF, ERR_MSR, ERR_SUBLEAF, SetCpuPolicy};
use xen_abi::hypercall::domctl::{BODY_OFFSET, getdomaininfo};
use xen_abi::hypercall::memory::pod_target::{self, GetPodTarget, OnDemand};
use xen_abi::hypercall::memory::reservation::MemFlags;
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::hypercall::sysctl::getdomaininfolist::{GetDomainInfoList, NUM_DOMAINS};
use xen_abi::hypercall::sysctl::physinfo::{Capabilities, PhysInfo};
use xen_abi::hypercall::version::text::{VersionText, read_cut, read_whole};
use xen_abi::{DomId, Operation, Release};

/// The record of a domain in the layout of a release.
fn record(release: &Release, domid: u16, flags: u64) -> Vec<u8> {
    let mut record = RECORD.zeroed(release).unwrap();
    getdomaininfo::DOMAIN.put(release, &mut record, domid.into()).unwrap();
    getdomaininfo::FLAGS.put(release, &mut record, flags).unwrap();
    record
}

#[test]
fn state_bits_of_a_domain() {
    let nothing = DomainInfo { max_vcpu_id: Some(0), gpaddr_bits: Some(0), ..DomainInfo::default() };
    let cases = [
        (0x0, nothing.clone()),
        (0x1, DomainInfo { dying: true, ..nothing.clone() }),
        (0x2, DomainInfo { hvm: true, ..nothing.clone() }),
        (0x8, DomainInfo { paused: true, ..nothing.clone() }),
        (0x10, DomainInfo { blocked: true, ..nothing.clone() }),
        (0x20, DomainInfo { running: true, ..nothing.clone() }),
        (0x40, DomainInfo { debugged: true, ..nothing.clone() }),
        (0x80, DomainInfo { xenstore: true, ..nothing.clone() }),
        (0x100, DomainInfo { hap: true, ..nothing.clone() }),
        (0x4, DomainInfo { shutdown: Some(ShutdownReason::Poweroff), ..nothing.clone() }),
        (0x1_0004, DomainInfo { shutdown: Some(ShutdownReason::Reboot), ..nothing.clone() }),
        (0x3_0004, DomainInfo { shutdown: Some(ShutdownReason::Crash), ..nothing.clone() }),
        (0xff_0004, DomainInfo { shutdown: Some(ShutdownReason::Other(255)), ..nothing.clone() }),
        (0x3_0000, nothing),
    ];
    for (flags, expected) in cases {
        let info = DomainInfo::read(&Release::V4_20, &record(&Release::V4_20, 0, flags)).unwrap();
        assert_eq!(info, expected, "flags {flags:#x}");
    }
}

#[test]
fn another_domain_in_the_answer_is_no_answer() {
    for release in Release::ALL {
        for (answered, found) in [(5, true), (6, false)] {
            let question = GetDomainInfo { domid: DomId(5) };
            let mut call = question.encode(&release).unwrap();
            let record = record(&release, answered, 0);
            call.buffers[0].bytes[BODY_OFFSET..BODY_OFFSET + record.len()].copy_from_slice(&record);
            assert_eq!(question.decode(&release, 0, &call).unwrap().is_some(), found, "Xen {release}: d{answered} for d5");
        }
    }
}

#[test]
fn every_domain_of_a_list_is_read_at_its_stride() {
    for release in Release::ALL {
        let question = GetDomainInfoList { first: DomId(0), max: 3 };
        let mut call = question.encode(&release).unwrap();
        call.buffers[1].bytes = [record(&release, 1, 2), record(&release, 7, 1), record(&release, 9, 0)].concat();
        for count in 0..=4 {
            NUM_DOMAINS.put(&release, &mut call.buffers[0].bytes[8..], count).unwrap();
            let domids = question.decode(&release, 0, &call).map(|list| list.iter().map(|info| info.domid.0).collect::<Vec<_>>());
            assert_eq!(domids.ok(), [1, 7, 9].get(..count as usize).map(<[u16]>::to_vec), "Xen {release}: {count} domains");
        }
    }
}

#[test]
fn what_is_on_demand_is_read_where_xen_writes_it() {
    for release in Release::ALL {
        let question = GetPodTarget { domid: DomId(5) };
        let mut call = question.encode(&release).unwrap();
        for (member, value) in [(pod_target::TOT_PAGES, 1), (pod_target::POD_CACHE_PAGES, 2), (pod_target::POD_ENTRIES, 3)] {
            member.put(&release, &mut call.buffers[0].bytes, value).unwrap();
        }
        let expected = OnDemand { total_pages: 1, cache_pages: 2, entries: 3 };
        assert_eq!(question.decode(&release, 0, &call), Ok(expected), "Xen {release}");
        call.buffers.clear();
        assert!(question.decode(&release, 0, &call).is_err(), "Xen {release}: no record");
    }
}

#[test]
fn the_leaf_that_xen_refuses_is_named() {
    let release = Release::V4_20;
    let question = SetCpuPolicy { domid: DomId(1), policy: CpuPolicy::default() };
    let cases = [
        ((u32::MAX, u32::MAX, u32::MAX), None),
        ((0, 0, 0), None),
        ((0x7, 1, u32::MAX), Some("Xen refuses CPUID leaf 0x7 subleaf 0x1")),
        ((0x5000_0000, u32::MAX, u32::MAX), Some("Xen refuses CPUID leaf 0x50000000")),
        ((u32::MAX, u32::MAX, 0x10a), Some("Xen refuses MSR 0x10a")),
    ];
    for ((leaf, subleaf, msr), expected) in cases {
        let mut call = question.encode(&release).unwrap();
        let body = &mut call.buffers[0].bytes[BODY_OFFSET..];
        for (member, value) in [(ERR_LEAF, leaf), (ERR_SUBLEAF, subleaf), (ERR_MSR, msr)] {
            member.put(&release, body, value.into()).unwrap();
        }
        assert_eq!(question.explain(&release, &call).as_deref(), expected, "{leaf:#x} {subleaf:#x} {msr:#x}");
    }
}

#[test]
fn grant_versions_follow_the_host() {
    let cases = [
        (Release::V4_14, 0, 2),
        (Release::V4_15, 0x100, 2),
        (Release::V4_16, 0x100, 1),
        (Release::V4_16, 0x300, 2),
        (Release::V4_22, 0, 1),
    ];
    for (release, capabilities, expected) in cases {
        let host = PhysInfo { capabilities: Capabilities(capabilities), ..PhysInfo::default() };
        assert_eq!(host.max_grant_version(&release), expected, "Xen {release}, {capabilities:#x}");
    }
}

#[test]
fn texts_end_where_xen_says() {
    let mut whole = VersionText::ExtraVersion.whole().unwrap();
    whole.buffers[0].bytes[4..12].copy_from_slice(b".4-pre\0x");
    for (length, expected) in [(6, ".4-pre"), (2, ".4"), (0, ""), (100, ".4-pre"), (1 << 40, ".4-pre")] {
        assert_eq!(read_whole(length, &whole), expected, "{length} bytes");
    }
    let mut cut = VersionText::ExtraVersion.cut();
    for (bytes, expected) in [(*b".4-pre\0ooooooooo", ".4-pre"), (*b"0123456789abcdef", "0123456789abcdef"), ([0xff; 16], "\u{fffd}")] {
        cut.buffers[0].bytes = bytes.to_vec();
        assert!(read_cut(&cut).starts_with(expected), "{bytes:?}");
    }
}

#[test]
fn a_node_is_asked_for_exactly() {
    for (node, expected) in [(0, 0x2_0100), (1, 0x2_0200), (254, 0x2_ff00), (255, 0), (u32::MAX, 0)] {
        assert_eq!(MemFlags::exact_node(node).0, expected, "node {node}");
    }
}

#[test]
fn releases_are_known_by_all_three_numbers() {
    let cases = [
        ((4, 17, 0x15, 0x15), Some("4.17")),
        ((4, 19, 0x17, 0x15), Some("4.19")),
        ((4, 20, 0x17, 0x15), Some("4.20")),
        ((4, 21, 0x17, 0x16), Some("4.21")),
        ((4, 21, 0x17, 0x15), None),
        ((4, 17, 0x16, 0x15), None),
        ((4, 23, 0x18, 0x16), None),
        ((5, 17, 0x15, 0x15), None),
    ];
    for ((major, minor, domctl, sysctl), expected) in cases {
        let known = Release::known(major, minor, domctl, sysctl).map(|release| release.to_string());
        assert_eq!(known.as_deref(), expected, "{major}.{minor} {domctl:#x} {sysctl:#x}");
    }
}

#[test]
fn a_name_for_every_shutdown_reason() {
    for code in 0..=255 {
        assert_eq!(ShutdownReason::from_code(code).code(), code);
    }
}
