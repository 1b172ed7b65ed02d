//! The daemon is killed between any two effects, and the next one finds things as it must: fully there, or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Everything, Host, RELEASES};
use xen_abi::{DomId, Errno};
use xen_sim::{Effect, FaultPlan, MachineConfig, When};
use xenith_engine::engine::{CreateOrder, Recovered, RestartIds};
use xenith_engine::journal::RestartEntry;
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
        let left = std::sync::atomic::AtomicUsize::new(death);
        let hook = move |_: Moment| {
            let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
            if before.is_ok() { Next::Go } else { Next::Die }
        };
        let entry = RestartEntry { uuid: order.uuid, domid: created.record.domid, quick_restarts: 1, config: order.config.clone() };
        let ids = RestartIds { restart: host.fresh(), destroy: host.fresh(), create: host.fresh() };
        // The domain has stopped, which is why it is restarted.
        let xen = xen_hv::Xen::new(Arc::new(host.machine.as_domain(DomId::DOM0).unwrap()), RELEASES[2]);
        xen.remote_shutdown(DomId(created.record.domid), xen_abi::hypercall::sched::ShutdownReason::Reboot).unwrap();
        host.engine(Arc::new(hook)).restart(ids, &entry).unwrap_err();
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
    let xen = xen_hv::Xen::new(Arc::new(host.machine.as_domain(DomId::DOM0).unwrap()), RELEASES[1]);
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
