//! Memory: limits, claims, contiguity, the paging pool, and that huge domains are cheap.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{Host, MaxMem, RELEASES, pvh_domain};
use xen_abi::hypercall::domctl::getdomaininfo::GetDomainInfo;
use xen_abi::hypercall::domctl::lifecycle::DestroyDomain;
use xen_abi::hypercall::domctl::paging_pool::{GetPagingPool, SetPagingPool};
use xen_abi::hypercall::memory::maximum_gpfn::MaximumGpfn;
use xen_abi::hypercall::memory::physmap::{AddToPhysmap, MapSpace, RemoveFromPhysmap};
use xen_abi::hypercall::memory::pod_target::{GetPodTarget, OnDemand, SetPodTarget};
use xen_abi::hypercall::memory::reservation::{ClaimPages, DecreaseReservation, MEMF_POPULATE_ON_DEMAND, MemFlags, PopulatePhysmap};
use xen_abi::hypercall::sysctl::physinfo::GetPhysInfo;
use xen_abi::{DomId, Errno, Gfn, Release};
use xen_hv::{Access, ForeignMemory};
use xen_sim::MachineConfig;

const GIB: u64 = 1 << 30;

#[test]
fn populate_counts_up_to_what_the_limit_allows() {
    for release in RELEASES {
        let host = Host::new(release);
        let domid = host.run(pvh_domain(1)).unwrap();
        assert_eq!(host.populate(domid, 0, &[0]), 0, "{release}: no max_mem yet");
        host.run(MaxMem { domid, max_kib: 10 * 4 }).unwrap();
        // order, frames, expected count, tot_pages after
        let table: [(u32, &[u64], usize, u64); 6] = [
            (0, &[0, 1, 2], 3, 3),
            (19, &[0], 0, 3),
            (9, &[512], 0, 3),
            (2, &[4, 8], 1, 7),
            (0, &[u64::MAX], 0, 7),
            (0, &[16, 17, 18, 19], 3, 10),
        ];
        for (order, frames, expected, total) in table {
            assert_eq!(host.populate(domid, order, frames), expected, "{release}, order {order}, {frames:?}");
            assert_eq!(host.run(GetDomainInfo { domid }).unwrap().unwrap().tot_pages, total, "{release}");
        }
        assert_eq!(host.run(MaximumGpfn { domid }), Ok(Gfn(18)), "{release}");
        assert_eq!(host.populate(DomId(9), 0, &[0]), 0, "{release}: nobody there is a short count, not an error");
    }
}

#[test]
fn claims_are_checked_and_used_up() {
    for release in RELEASES {
        let host = Host::new(release);
        let free = host.machine.audit().free_pages;
        let domid = host.run(pvh_domain(1)).unwrap();
        assert_eq!(host.run(ClaimPages { domid, pages: 100 }), Err(Errno::EINVAL), "{release}: before max_mem");
        host.run(MaxMem { domid, max_kib: 2 * free * 4 }).unwrap();
        let table = [(free + 1, Err(Errno::ENOMEM)), (1000, Ok(())), (900, Err(Errno::EINVAL)), (0, Ok(())), (1000, Ok(()))];
        for (pages, expected) in table {
            assert_eq!(host.run(ClaimPages { domid, pages }), expected, "{release}, {pages} pages");
        }
        assert_eq!(host.run(ClaimPages { domid: DomId(9), pages: 1 }), Err(Errno::EINVAL), "{release}");
        assert_eq!(host.run(GetPhysInfo).unwrap().outstanding_pages, 1000, "{release}");
        host.populate(domid, 9, &[0]);
        assert_eq!(host.run(GetDomainInfo { domid }).unwrap().unwrap().outstanding_pages, 1000 - 512, "{release}");
        host.run(DestroyDomain { domid }).unwrap();
        let after = host.machine.audit();
        assert_eq!((after.claimed_pages, after.free_pages), (0, free), "{release}");
    }
}

#[test]
fn another_domains_claim_is_not_to_be_had() {
    let host = Host::new(Release::V4_17);
    let [claimer, other] = [(), ()].map(|()| host.domain(8 << 20));
    let free = host.machine.audit().free_pages;
    host.run(ClaimPages { domid: claimer, pages: free - 600 }).unwrap();
    assert_eq!(host.populate(other, 9, &[0, 512]), 1);
    assert_eq!(host.populate(claimer, 9, &[0, 512]), 2);
    // The pool is nobody's claim.
    assert_eq!(host.run(SetPagingPool { domid: claimer, bytes: (256 + 1024) << 12 }), Err(Errno::ENOMEM));
}

#[test]
fn superpages_run_out_before_memory() {
    let config = MachineConfig { memory_bytes: 16 * GIB, extents_1gib: Some(2), extents_2mib: Some(3), ..MachineConfig::default() };
    for release in RELEASES {
        let host = Host::with(release, config.clone());
        let domid = host.domain(12 << 20);
        host.run(SetPagingPool { domid, bytes: 8 << 20 }).unwrap();
        let before = host.machine.audit();
        let gibs: Vec<u64> = (0..4).map(|gib| gib << 18).collect();
        assert_eq!(host.populate(domid, 18, &gibs), 2, "{release}");
        assert_eq!(host.populate(domid, 9, &[1 << 20, (1 << 20) + 512, (1 << 20) + 1024, (1 << 20) + 1536]), 3, "{release}");
        assert_eq!(host.populate(domid, 0, &[1 << 21, (1 << 21) + 1]), 2, "{release}");
        host.run(DestroyDomain { domid }).unwrap();
        assert!(host.machine.audit().free_pages > before.free_pages, "{release}");
        let again = host.domain(12 << 20);
        assert_eq!(host.populate(again, 18, &gibs), 2, "{release}: contiguity came back");
    }
}

#[test]
fn small_pages_need_a_paging_pool() {
    // 1024 pages in 1024 different ranges of 2 MiB need as many tables; a domain is born with 256.
    let scattered: Vec<u64> = (0..1024).map(|index| index << 9).collect();
    for release in RELEASES {
        let host = Host::new(release);
        let domid = host.domain(1 << 20);
        let done = host.populate(domid, 0, &scattered);
        // 4.14 does not look at the failure and counts on (xen/common/memory.c).
        assert_eq!(done == 1024, release < Release::V4_16, "{release}: {done}");
        let there = host.run(MaximumGpfn { domid }).unwrap().0;
        assert!(there < 256 << 9, "{release}: {there:#x}");
        let domid = host.domain(1 << 20);
        host.run(SetPagingPool { domid, bytes: 8 << 20 }).unwrap();
        assert_eq!(host.run(GetPagingPool { domid }), Ok(8 << 20), "{release}");
        assert_eq!(host.populate(domid, 0, &scattered), 1024, "{release}");
        assert_eq!(host.run(SetPagingPool { domid, bytes: 1 << 20 }), Err(Errno::ENOMEM), "{release}: tables in use stay");
    }
}

#[test]
fn a_domain_of_terabytes_costs_nothing() {
    let config = MachineConfig { memory_bytes: 8 << 40, ..MachineConfig::default() };
    let host = Host::with(Release::V4_22, config);
    let domid = host.domain(4 << 30);
    host.run(SetPagingPool { domid, bytes: 4 << 30 }).unwrap();
    let before = host.machine.audit();
    for start in (0..4096).step_by(512) {
        let frames: Vec<u64> = (start..start + 512).map(|gib| gib << 18).collect();
        assert_eq!(host.populate(domid, 18, &frames), 512);
    }
    assert_eq!(host.run(GetDomainInfo { domid }).unwrap().unwrap().tot_pages, 1 << 30);
    host.run(DestroyDomain { domid }).unwrap();
    assert!(host.machine.audit().free_pages > before.free_pages);
}

#[test]
fn pages_can_be_taken_away_and_put_elsewhere() {
    for release in RELEASES {
        let host = Host::new(release);
        let domid = host.domain(1024);
        host.populate(domid, 0, &[5, 6]);
        let free = host.machine.audit().free_pages;
        assert_eq!(host.run(DecreaseReservation { domid, order: 0, frames: vec![Gfn(5), Gfn(7)] }), Ok(1), "{release}");
        assert_eq!(host.machine.audit().free_pages, free + 1, "{release}");
        let add = AddToPhysmap { domid, space: MapSpace::GrantTable, index: 0, gfn: Gfn(0xff) };
        assert_eq!(host.run(add), Ok(()), "{release}");
        assert_eq!(host.run(AddToPhysmap { index: 64, ..add }), Err(Errno::EINVAL), "{release}");
        assert_eq!(host.run(RemoveFromPhysmap { domid, gfn: Gfn(0xff) }), Ok(()), "{release}");
        assert_eq!(host.run(RemoveFromPhysmap { domid, gfn: Gfn(0xff) }), Err(Errno::ENOENT), "{release}");
    }
}

fn touch(host: &Host, domid: DomId, frames: &[Gfn]) {
    drop(ForeignMemory::map(&host.control, domid, frames, Access::ReadWrite).unwrap());
}

#[test]
fn what_is_on_demand_comes_from_a_cache_that_is_filled_and_never_emptied() {
    for release in RELEASES {
        let host = Host::new(release);
        let free = host.machine.audit().free_pages;
        let domid = host.domain(4 * 1000);
        let stands = |total_pages, cache_pages, entries| Ok(OnDemand { total_pages, cache_pages, entries });
        let aim = |pages| host.run(SetPodTarget { domid, pages });
        let give_back = |gfns: std::ops::Range<u64>| {
            let frames: Vec<Gfn> = gfns.map(Gfn).collect();
            assert_eq!(host.run(DecreaseReservation { domid, order: 0, frames: frames.clone() }), Ok(frames.len()), "{release}");
        };
        // As libxc builds one: the target first, while it has nothing.
        assert_eq!(aim(1001), Err(Errno::EINVAL), "{release}: above the bound");
        assert_eq!(aim(100), stands(100, 100, 0), "{release}");
        let flags = MemFlags(MEMF_POPULATE_ON_DEMAND);
        let promise =
            |order, frames: &[u64]| host.run(PopulatePhysmap { domid, order, flags, frames: frames.iter().copied().map(Gfn).collect() });
        assert_eq!(promise(7, &[0, 128]), Ok(2), "{release}");
        assert_eq!(host.run(GetPodTarget { domid }), stands(100, 100, 256), "{release}");
        let touched: Vec<Gfn> = (0..60).map(Gfn).collect();
        touch(&host, domid, &touched);
        assert_eq!(host.run(GetPodTarget { domid }), stands(100, 40, 196), "{release}");
        assert_eq!(promise(0, &[59]), Ok(0), "{release}: there is a page already");
        // More fills the cache, less leaves it, and far more stops at what is waiting.
        assert_eq!(aim(120), stands(120, 60, 196), "{release}");
        assert_eq!(aim(80), stands(120, 60, 196), "{release}");
        assert_eq!(aim(1000), stands(256, 196, 196), "{release}");
        // The balloon gives back: what nobody touched takes the cache with it, and then pages go as they always do.
        give_back(60..160);
        assert_eq!(host.run(GetPodTarget { domid }), stands(156, 96, 96), "{release}");
        give_back(0..10);
        assert_eq!(host.run(GetPodTarget { domid }), stands(146, 96, 96), "{release}");
        give_back(160..256);
        assert_eq!(aim(500), stands(50, 0, 0), "{release}: nothing is on demand any more");
        host.run(DestroyDomain { domid }).unwrap();
        assert_eq!(host.machine.audit().free_pages, free, "{release}");
    }
}

#[test]
fn a_page_given_back_stays_where_another_gfn_waits_for_it() {
    let host = Host::new(Release::V4_20);
    let domid = host.domain(4 * 1000);
    host.run(SetPodTarget { domid, pages: 8 }).unwrap();
    let flags = MemFlags(MEMF_POPULATE_ON_DEMAND);
    host.run(PopulatePhysmap { domid, order: 4, flags, frames: vec![Gfn(0)] }).unwrap();
    touch(&host, domid, &(0..8).map(Gfn).collect::<Vec<_>>());
    assert_eq!(host.run(DecreaseReservation { domid, order: 0, frames: vec![Gfn(0)] }), Ok(1));
    let stands = OnDemand { total_pages: 8, cache_pages: 1, entries: 8 };
    assert_eq!(host.run(GetPodTarget { domid }), Ok(stands));
    assert_eq!(host.run(SetPodTarget { domid: DomId(9), pages: 1 }), Err(Errno::ESRCH));
}
