//! The daemon is killed between any two effects, and the next one finds things as it must: fully there, or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Everything, Host, RELEASES};
use xen_abi::hypercall::memory::pod_target::OnDemand;
use xen_abi::hypercall::memory::reservation::{MEMF_POPULATE_ON_DEMAND, MemFlags};
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::{DomId, Errno, Gfn};
use xen_sim::{Effect, FaultPlan, MachineConfig, When};
use xen_store::client::Requests;
use xen_store::path;
use xenith_engine::engine::{CreateOrder, Recovered, RestartIds};
use xenith_engine::journal::{DumpEntry, Identity, RenameEntry, RestartEntry, SoftResetEntry};
use xenith_engine::plan::Wanted;
use xenith_engine::record::DomainRecord;
use xenith_engine::run::{Always, Hook, Moment, Next};

/// Dies at one moment, once.
fn die_at(at: Moment) -> (Arc<dyn Hook>, Arc<AtomicBool>) {
    let died = Arc::new(AtomicBool::new(false));
    let flag = died.clone();
    let hook = move |moment: Moment| {
        if moment == at {
            flag.store(true, Ordering::Relaxed);
            return Next::Die;
        }
        Next::Go
    };
    (Arc::new(hook), died)
}

fn act_moments(steps: usize) -> impl Iterator<Item = Moment> {
    (0..steps).flat_map(|step| [Moment::BeforeAct(step), Moment::AfterAct(step)])
}

/// The next daemon: what it made of the operation.
fn next_daemon(host: &Host) -> Vec<Recovered> {
    host.engine(Arc::new(Always)).recover(&mut || host.fresh()).unwrap()
}

/// Ends what was recovered, and compares with how it was before.
fn ends_clean(host: &Host, order: &CreateOrder, before: &Everything, what: &str) {
    let engine = host.engine(Arc::new(Always));
    for domid in host.domids() {
        engine.destroy(host.fresh(), order.uuid, domid, "web").unwrap();
    }
    assert_eq!(host.everything(), *before, "{what}");
}

#[test]
fn a_create_killed_anywhere_is_whole_or_gone() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        host.engine(Arc::new(Always));
        let before = host.everything();
        let order = host.order(2, "16MiB", false);
        let steps = host.engine(Arc::new(Always)).plan_create(&order).unwrap().len();
        let (mut finished, mut unwound) = (0, 0);
        for at in act_moments(steps) {
            let (hook, died) = die_at(at);
            let order = host.order(2, "16MiB", false);
            host.engine(hook).create(&order).unwrap_err();
            assert!(died.load(Ordering::Relaxed), "{release} {at:?}");
            match next_daemon(&host).as_slice() {
                [Recovered::Created(record)] => {
                    finished += 1;
                    assert_eq!(host.domids(), [DomId(record.domid)], "{release} {at:?}");
                    let running = host.engine(Arc::new(Always)).look(DomId(record.domid)).unwrap().unwrap();
                    assert!(!running.info.paused, "{release} {at:?}: a resumed create ends like any other");
                }
                [Recovered::Unwound(_)] => {
                    unwound += 1;
                    assert_eq!(host.everything(), before, "{release} {at:?}");
                }
                other => panic!("{release} {at:?}: {other:?}"),
            }
            ends_clean(&host, &order, &before, &format!("{release} {at:?}"));
        }
        assert_eq!((finished, unwound), (8, 28), "{release}: the tail of 4 steps is resumed, the rest is unwound");
    }
}

#[test]
fn a_create_killed_on_its_way_back_is_gone() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        host.engine(Arc::new(Always));
        let before = host.everything();
        for at in (0..18).flat_map(|step| [Moment::BeforeUndo(step), Moment::AfterUndo(step)]) {
            let (hook, died) = die_at(at);
            let order = host.order(1, "16MiB", false);
            // The last hypercall of a create fails, so that all of it is undone.
            host.machine.set_faults(FaultPlan::none().with(When::Nth("domctl unpausedomain", 0), Effect::Errno(Errno::EPERM)));
            host.engine(hook).create(&order).unwrap_err();
            host.machine.set_faults(FaultPlan::none());
            assert!(died.load(Ordering::Relaxed), "{release} {at:?}");
            assert!(matches!(next_daemon(&host).as_slice(), [Recovered::Unwound(_)]), "{release} {at:?}");
            assert_eq!(host.everything(), before, "{release} {at:?}");
        }
    }
}

#[test]
fn a_destroy_killed_anywhere_is_finished() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        host.engine(Arc::new(Always));
        let before = host.everything();
        for at in act_moments(4) {
            let order = host.order(1, "16MiB", false);
            let created = host.engine(Arc::new(Always)).create(&order).unwrap();
            let (hook, died) = die_at(at);
            host.engine(hook).destroy(host.fresh(), order.uuid, DomId(created.record.domid), "web").unwrap_err();
            assert!(died.load(Ordering::Relaxed), "{release} {at:?}");
            assert_eq!(next_daemon(&host), [Recovered::Destroyed(order.uuid)], "{release} {at:?}");
            assert_eq!(host.everything(), before, "{release} {at:?}");
        }
    }
}

#[test]
fn a_restart_killed_anywhere_ends_in_a_running_domain() {
    let host = Host::new(RELEASES[2], MachineConfig::default());
    host.engine(Arc::new(Always));
    let before = host.everything();
    // 4 steps of the destroy, then 18 of the create, told apart by how often a step was met.
    for death in 0..2 * (4 + 18) {
        let order = host.order(1, "16MiB", false);
        let created = host.engine(Arc::new(Always)).create(&order).unwrap();
        let entry =
            RestartEntry { uuid: order.uuid, domid: created.record.domid, quick_restarts: 1, config: order.config.clone(), keep: None };
        let ids = RestartIds { restart: host.fresh(), destroy: host.fresh(), create: host.fresh() };
        // The domain has stopped, which is why it is restarted.
        xen(&host, RELEASES[2]).remote_shutdown(DomId(created.record.domid), ShutdownReason::Reboot).unwrap();
        host.engine(die_after(death)).restart(ids, &entry).unwrap_err();
        next_daemon(&host);
        let engine = host.engine(Arc::new(Always));
        let all = engine.list().unwrap();
        let again: Vec<_> = all.iter().filter(|seen| seen.uuid() == order.uuid).collect();
        let [again] = again.as_slice() else { panic!("death {death}: {} domains", again.len()) };
        assert!(again.info.shutdown.is_none() && !again.info.paused, "death {death}: {:?}", again.info);
        ends_clean(&host, &order, &before, &format!("death {death}"));
    }
}

#[test]
fn a_number_that_went_to_another_domain_meanwhile_is_not_touched() {
    let host = Host::new(RELEASES[1], MachineConfig::default());
    let order = host.order(1, "16MiB", false);
    let (hook, _) = die_at(Moment::AfterAct(0));
    host.engine(hook).create(&order).unwrap_err();
    // Somebody destroys what was left, and somebody else gets the number.
    let domid = host.domids()[0];
    let xen = xen(&host, RELEASES[1]);
    xen.destroy_domain(domid).unwrap();
    let mut theirs = host.order(1, "16MiB", false);
    theirs.uuid = host.fresh();
    let request = xen_abi::hypercall::domctl::createdomain::CreateDomain {
        domid,
        handle: *theirs.uuid.as_bytes(),
        ssidref: 0,
        flags: xen_abi::hypercall::domctl::createdomain::CreateFlags(3),
        max_vcpus: 1,
        max_evtchn_port: 10,
        max_grant_frames: None,
        max_maptrack_frames: None,
        max_grant_version: 1,
        cpupool: 0,
        emulation_flags: 1,
        relaxed_msr: false,
    };
    assert_eq!(xen.create_domain(&request).unwrap(), domid);
    assert!(matches!(next_daemon(&host).as_slice(), [Recovered::Unwound(_)]));
    assert_eq!(host.domids(), [domid]);
}

/// Dies at the moment after so many others.
fn die_after(death: usize) -> Arc<dyn Hook> {
    let left = std::sync::atomic::AtomicUsize::new(death);
    Arc::new(move |_: Moment| {
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if before.is_ok() { Next::Go } else { Next::Die }
    })
}

fn xen(host: &Host, release: xen_abi::Release) -> xen_hv::Xen {
    xen_hv::Xen::new(Arc::new(host.machine.as_domain(DomId::DOM0).unwrap()), release)
}

#[test]
fn a_rename_killed_anywhere_is_finished() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        let order = host.order(1, "16MiB", false);
        let created = host.engine(Arc::new(Always)).create(&order).unwrap();
        let mut record = created.record;
        // Two steps, each before and after: to another name and back.
        for death in 0..2 * 2 {
            let from = Identity { uuid: order.uuid, name: record.config.name.clone() };
            let to = Identity { uuid: order.uuid, name: format!("name-{death}") };
            let entry = RenameEntry { domid: record.domid, from, to, record: Some(record.clone()) };
            host.engine(die_after(death)).rename(host.fresh(), &entry).unwrap_err();
            assert_eq!(next_daemon(&host), [Recovered::Renamed(entry.clone())], "{release} death {death}");
            record = entry.renamed().unwrap();
            let (kept, _) = host.engine(Arc::new(Always)).world.records.load().unwrap();
            assert_eq!(kept, std::slice::from_ref(&record), "{release} death {death}");
        }
        ends_clean(&host, &order, &before, &format!("{release}"));
    }
}

#[test]
fn a_restart_that_keeps_the_old_domain_ends_with_both_wherever_it_is_killed() {
    let host = Host::new(RELEASES[1], MachineConfig::default());
    let before = host.everything();
    // 3 steps of the rename, then 18 of the create.
    for death in 0..2 * (3 + 18) {
        let order = host.order(1, "16MiB", false);
        let created = host.engine(Arc::new(Always)).create(&order).unwrap();
        xen(&host, RELEASES[1]).remote_shutdown(DomId(created.record.domid), ShutdownReason::Crash).unwrap();
        let from = Identity { uuid: order.uuid, name: "web".to_owned() };
        let to = Identity { uuid: host.fresh(), name: "web-kept".to_owned() };
        let keep = RenameEntry { domid: created.record.domid, from, to, record: Some(created.record.clone()) };
        let entry = RestartEntry {
            uuid: order.uuid,
            domid: created.record.domid,
            quick_restarts: 1,
            config: order.config.clone(),
            keep: Some(keep.clone()),
        };
        let ids = RestartIds { restart: host.fresh(), destroy: host.fresh(), create: host.fresh() };
        host.engine(die_after(death)).restart(ids, &entry).unwrap_err();
        next_daemon(&host);
        let engine = host.engine(Arc::new(Always));
        let all = engine.list().unwrap();
        let state = |uuid| all.iter().filter(|seen| seen.uuid() == uuid).map(|seen| seen.info.shutdown.is_some()).collect::<Vec<_>>();
        assert_eq!((state(order.uuid), state(keep.to.uuid)), (vec![false], vec![true]), "death {death}");
        let (mut kept, _) = engine.world.records.load().unwrap();
        kept.sort_by_key(|record| record.held);
        assert_eq!(kept.iter().map(|record| record.uuid).collect::<Vec<_>>(), [order.uuid, keep.to.uuid], "death {death}");
        engine.destroy(host.fresh(), keep.to.uuid, DomId(keep.domid), "web-kept").unwrap();
        ends_clean(&host, &order, &before, &format!("death {death}"));
    }
}

#[test]
fn a_soft_reset_killed_anywhere_ends_in_the_same_domain_running() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        // 7 steps of its own, 4 of a create's tail.
        for death in 0..2 * (7 + 4) {
            let order = host.order(1, "16MiB", false);
            let created = host.engine(Arc::new(Always)).create(&order).unwrap();
            let DomainRecord { uuid, domid, ref config, .. } = created.record;
            xen(&host, release).remote_shutdown(DomId(domid), ShutdownReason::SoftReset).unwrap();
            let entry = SoftResetEntry { uuid, domid, started_ms: 7, quick_restarts: 1, config: config.clone() };
            host.engine(die_after(death)).soft_reset(host.fresh(), &entry).unwrap_err();
            assert_eq!(next_daemon(&host), [Recovered::Reset(entry.record())], "{release} death {death}");
            let seen = host.engine(Arc::new(Always)).look(DomId(domid)).unwrap().unwrap();
            assert!(seen.uuid() == uuid && !seen.info.paused && seen.info.shutdown.is_none(), "{release} death {death}");
            ends_clean(&host, &order, &before, &format!("{release} death {death}"));
        }
    }
}

#[test]
fn a_dump_killed_anywhere_leaves_no_file_and_a_domain_that_runs() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        let order = host.order(1, "16MiB", false);
        let created = host.engine(Arc::new(Always)).create(&order).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let entry = DumpEntry {
            uuid: order.uuid,
            domid: created.record.domid,
            name: "web".to_owned(),
            path: dir.path().join("core"),
            limit_bytes: u64::MAX,
            pause: true,
        };
        for death in 0..2 * 3 {
            host.engine(die_after(death)).dump(host.fresh(), &entry, &Always, Arc::new(|_, _| true)).unwrap_err();
            assert_eq!(next_daemon(&host), [Recovered::Over(order.uuid)], "{release} death {death}");
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{release} death {death}");
            let seen = host.engine(Arc::new(Always)).look(DomId(entry.domid)).unwrap().unwrap();
            assert!(!seen.info.paused, "{release} death {death}");
        }
        // Somebody who changes their mind half way.
        let engine = host.engine(Arc::new(Always));
        let problem = engine.dump(host.fresh(), &entry, &Always, Arc::new(|done, _| done < 1024)).unwrap_err();
        assert_eq!(problem.code, xenith_api::latest::Code::Cancelled);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{release}");
        ends_clean(&host, &order, &before, &format!("{release}"));
    }
}

/// What Xen and the store say of the size of a domain of two vcpus: bound in pages, target, availability.
fn size_of(host: &Host, domid: DomId) -> (u64, String, String) {
    let engine = host.engine(Arc::new(Always));
    let read = |path| engine.world.stores.with(|store| store.read_text(&path)).unwrap().unwrap_or_default();
    let home = path::domain(domid);
    let online = [0, 1].map(|vcpu| read(home.vcpu_availability(vcpu))).join(" ");
    (engine.look(domid).unwrap().unwrap().info.max_pages, read(home.memory_target()), online)
}

#[test]
fn a_resize_killed_anywhere_is_finished() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        let order = host.order(2, "16MiB", false);
        let domid = DomId(host.engine(Arc::new(Always)).create(&order).unwrap().record.domid);
        assert_eq!(size_of(&host, domid), (4352, "16384".to_owned(), "online online".to_owned()), "{release}");
        // Three steps, each before and after: down and up again.
        for death in 0..2 * 3 {
            let (wanted, expected) = match death % 2 {
                0 => (Wanted { memory_kib: Some(12 << 10), vcpus: Some(1) }, (3328, "12288".to_owned(), "online offline".to_owned())),
                _ => (Wanted { memory_kib: Some(16 << 10), vcpus: Some(2) }, (4352, "16384".to_owned(), "online online".to_owned())),
            };
            let engine = host.engine(die_after(death));
            let seen = engine.look(domid).unwrap().unwrap();
            engine.resize(host.fresh(), &seen, "web", &wanted).unwrap_err();
            let recovered = next_daemon(&host);
            assert!(
                matches!(recovered.as_slice(), [Recovered::Resized(entry)] if entry.uuid == order.uuid),
                "{release} {death}: {recovered:?}"
            );
            assert_eq!(size_of(&host, domid), expected, "{release} death {death}");
        }
        // One that is gone before it is finished has no size.
        let engine = host.engine(die_after(1));
        let seen = engine.look(domid).unwrap().unwrap();
        engine.resize(host.fresh(), &seen, "web", &Wanted { memory_kib: Some(12 << 10), vcpus: None }).unwrap_err();
        host.engine(Arc::new(Always)).destroy(host.fresh(), order.uuid, domid, "web").unwrap();
        assert_eq!(next_daemon(&host), [Recovered::Over(order.uuid)], "{release}");
        assert_eq!(host.everything(), before, "{release}");
    }
}

#[test]
fn a_resize_that_fails_is_taken_back_also_when_it_is_killed_on_its_way() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        let order = host.order(2, "16MiB", false);
        let domid = DomId(host.engine(Arc::new(Always)).create(&order).unwrap().record.domid);
        let was = size_of(&host, domid);
        let wanted = Wanted { memory_kib: Some(12 << 10), vcpus: Some(1) };
        let try_it = |hook: Arc<dyn Hook>| {
            let engine = host.engine(hook);
            let seen = engine.look(domid).unwrap().unwrap();
            engine.resize(host.fresh(), &seen, "web", &wanted).unwrap_err()
        };
        host.machine.set_faults(FaultPlan::none().with(When::Nth("domctl max_mem", 0), Effect::Errno(Errno::EPERM)));
        assert_eq!(try_it(Arc::new(Always)).code, xenith_api::latest::Code::NotPermitted, "{release}");
        host.machine.set_faults(FaultPlan::none());
        assert_eq!(size_of(&host, domid), was, "{release}");
        // Somebody changes their mind after all steps, and the daemon dies on the way back.
        for at in (0..3).flat_map(|step| [Moment::BeforeUndo(step), Moment::AfterUndo(step)]) {
            try_it(Arc::new(move |moment: Moment| match moment {
                Moment::AfterAct(2) => Next::Cancel,
                moment if moment == at => Next::Die,
                _ => Next::Go,
            }));
            assert_eq!(next_daemon(&host), [Recovered::Over(order.uuid)], "{release} {at:?}");
            assert_eq!(size_of(&host, domid), was, "{release} {at:?}");
        }
        ends_clean(&host, &order, &before, &format!("{release}"));
    }
}

/// A domain as xl leaves one with 12 MiB of memory and 16 MiB of maxmem: half of it has no page before it is touched, and half of that has one waiting.
fn on_demand(host: &Host) -> (CreateOrder, DomId, OnDemand) {
    let order = host.order(2, "16MiB", true);
    let engine = host.engine(Arc::new(Always));
    let domid = DomId(engine.create(&order).unwrap().record.domid);
    let xen = &engine.world.xen;
    let halves: Vec<Gfn> = (4..8).map(|large| Gfn(large << 9)).collect();
    assert_eq!(xen.decrease_reservation(domid, 9, &halves).unwrap(), 4);
    let populated = xen.on_demand(domid).unwrap().total_pages;
    assert_eq!(xen.populate_physmap(domid, 9, MemFlags(MEMF_POPULATE_ON_DEMAND), &halves).unwrap(), 4);
    xen.set_max_mem(domid, 13 << 10).unwrap();
    let there = xen.set_pod_target(domid, 3 << 10).unwrap();
    assert_eq!(there, OnDemand { total_pages: 3 << 10, cache_pages: (3 << 10) - populated, entries: 2 << 10 });
    engine.world.stores.with(|store| store.write(&path::domain(domid).memory_target(), "12288")).unwrap();
    (order, domid, there)
}

#[test]
fn a_resize_of_a_domain_on_demand_tells_xen_wherever_it_is_killed() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        for death in 0..2 * 3 {
            let (order, domid, was) = on_demand(&host);
            let xen = xen(&host, release);
            let resized = |mib: u64| {
                let engine = host.engine(die_after(death));
                let seen = engine.look(domid).unwrap().unwrap();
                engine.resize(host.fresh(), &seen, "web", &Wanted { memory_kib: Some(mib << 10), vcpus: None }).unwrap_err();
                assert!(matches!(next_daemon(&host).as_slice(), [Recovered::Resized(_)]), "{release} {death}");
                xen.on_demand(domid).unwrap()
            };
            assert_eq!(resized(10), was, "{release} {death}: less is for the balloon");
            let grown = was.total_pages - was.cache_pages + was.entries;
            let full = OnDemand { total_pages: grown, cache_pages: was.entries, entries: was.entries };
            assert_eq!(resized(16), full, "{release} {death}: a page for each that waits");
            ends_clean(&host, &order, &before, &format!("{release} {death}"));
        }
    }
}

#[test]
fn a_resize_of_a_domain_on_demand_that_fails_leaves_it_and_what_its_cache_got_goes_with_the_balloon() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        let (order, domid, was) = on_demand(&host);
        let (size, xen) = (size_of(&host, domid), xen(&host, release));
        let fails = |hook: Arc<dyn Hook>| {
            let engine = host.engine(hook);
            let seen = engine.look(domid).unwrap().unwrap();
            engine.resize(host.fresh(), &seen, "web", &Wanted { memory_kib: Some(16 << 10), vcpus: None }).unwrap_err()
        };
        host.machine.set_faults(FaultPlan::none().with(When::Nth("memory_op set_pod_target", 0), Effect::Errno(Errno::ENOMEM)));
        assert_eq!(fails(Arc::new(Always)).code, xenith_api::latest::Code::MemoryInsufficient, "{release}");
        host.machine.set_faults(FaultPlan::none());
        assert_eq!((size_of(&host, domid), xen.on_demand(domid).unwrap()), (size.clone(), was), "{release}");
        fails(Arc::new(|moment: Moment| if moment == Moment::AfterAct(1) { Next::Cancel } else { Next::Go }));
        assert_eq!(size_of(&host, domid), size, "{release}");
        assert_eq!(xen.on_demand(domid).unwrap().cache_pages, was.entries, "{release}: Xen takes nothing from the cache");
        // The balloon of a guest that is told 12 of 16 MiB.
        let given: Vec<Gfn> = (3 << 10..4 << 10).map(Gfn).collect();
        assert_eq!(xen.decrease_reservation(domid, 0, &given).unwrap(), given.len(), "{release}");
        let there = xen.on_demand(domid).unwrap();
        assert_eq!((there.cache_pages, there.entries), (1 << 10, 1 << 10), "{release}");
        assert!(there.total_pages.abs_diff(3 << 10) <= 16, "{release}: but for the special pages as if nothing was: {there:?}");
        ends_clean(&host, &order, &before, &format!("{release}"));
    }
}
