//! Creates on the simulated host: on every release, of every size, with every step failed in turn.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;

use common::{CONTROL, Host, RELEASES};
use xen_abi::{DomId, Errno, Release};
use xen_sim::{Effect, FaultPlan, MachineConfig, When};
use xenith_api::latest::Code;
use xenith_engine::run::Always;

fn large() -> MachineConfig {
    MachineConfig { memory_bytes: 64 << 30, ..MachineConfig::default() }
}

#[test]
fn created_and_destroyed_on_every_release_and_nothing_is_left() {
    for release in Release::ALL {
        for (vcpus, memory) in [(1, "8MiB"), (2, "64MiB"), (128, "6GiB")] {
            let host = Host::new(release, large());
            let engine = host.engine(Arc::new(Always));
            let before = host.everything();
            let order = host.order(vcpus, memory, true);
            let created = engine.create(&order).unwrap_or_else(|failed| panic!("{release}: {}", failed.problem));
            let domid = DomId(created.record.domid);
            assert_eq!(host.domids(), [domid]);
            let seen = engine.look(domid).unwrap().expect("is there");
            assert_eq!((seen.uuid(), seen.state()), (order.uuid, xenith_api::latest::DomainState::Paused));
            engine.destroy(host.fresh(), order.uuid, domid, "web").unwrap();
            assert_eq!(host.everything(), before, "{release}, {vcpus} vcpus, {memory}");
        }
    }
}

#[test]
fn what_a_create_costs() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let engine = host.engine(Arc::new(Always));
        let order = host.order(1, "16MiB", true);
        host.machine.set_faults(FaultPlan::none().only_for(CONTROL));
        let cost = engine.create(&order).unwrap().cost;
        // A multicall counts its entries, not the trap.
        let names: Vec<&str> = host.machine.steps().iter().map(|step| step.name).filter(|name| *name != "multicall").collect();
        // The look at the end, for the answer, is among them; an unpaused one takes its unpause.
        assert_eq!(names.len(), 23, "{release}: {names:?}");
        assert_eq!(cost.store_waits, 3, "{release}");
    }
}

#[test]
fn every_operation_fails_in_turn_and_nothing_is_left() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let count = {
            let engine = host.engine(Arc::new(Always));
            host.machine.set_faults(FaultPlan::none().only_for(CONTROL));
            engine.create(&host.order(2, "20MiB", false)).unwrap();
            let count = host.machine.steps().len();
            host.machine.set_faults(FaultPlan::none());
            let domid = host.domids()[0];
            engine.destroy(host.fresh(), host.order(2, "20MiB", false).uuid, domid, "web").unwrap();
            count
        };
        let before = host.everything();
        for step in 0..count {
            for effect in [Effect::Errno(Errno::ENOMEM), Effect::DoneBut(Errno::EBUSY)] {
                let engine = host.engine(Arc::new(Always));
                host.machine.set_faults(FaultPlan::none().only_for(CONTROL).with(When::Step(step), effect.clone()));
                let result = engine.create(&host.order(2, "20MiB", false));
                assert_eq!(host.machine.fault_hits(), 1, "{release}, step {step}");
                let name = host.machine.steps()[step].name;
                host.machine.set_faults(FaultPlan::none());
                if step + 1 == count {
                    // The look for the answer is not the create's: without it the domain is there all the same.
                    let created = result.unwrap_or_else(|failed| panic!("{release}, {name} {effect:?}: {}", failed.problem));
                    assert!(created.seen.is_none(), "{release}, {name} {effect:?}");
                    engine.destroy(host.fresh(), created.record.uuid, DomId(created.record.domid), "web").unwrap();
                    assert_eq!(host.everything(), before, "{release}, {name} {effect:?}");
                    continue;
                }
                let failed = result.err().unwrap_or_else(|| panic!("{release}, step {step}, {name} {effect:?}: created all the same"));
                assert!(!failed.leftovers, "{release}, {name} {effect:?}");
                assert_eq!(host.everything(), before, "{release}, step {step}, {name} {effect:?}: {}", failed.problem);
            }
        }
    }
}

#[test]
fn a_host_without_the_memory_says_how_much_it_has() {
    let host = Host::new(Release::V4_20, MachineConfig::default());
    let engine = host.engine(Arc::new(Always));
    let before = host.everything();
    for (memory, code) in [("3800MiB", Code::MemoryInsufficient), ("8GiB", Code::MemoryInsufficient)] {
        let failed = engine.create(&host.order(1, memory, true)).unwrap_err();
        assert_eq!(failed.problem.code, code, "{}", failed.problem);
        assert!(failed.problem.detail.contains("the host has"), "{}", failed.problem);
        assert_eq!(host.everything(), before);
    }
}

#[test]
fn scattered_memory_does_as_well() {
    let config = MachineConfig { extents_1gib: Some(0), extents_2mib: Some(3), ..MachineConfig::default() };
    let host = Host::new(Release::V4_17, config);
    let engine = host.engine(Arc::new(Always));
    let before = host.everything();
    let order = host.order(1, "32MiB", true);
    let created = engine.create(&order).unwrap();
    engine.destroy(host.fresh(), order.uuid, DomId(created.record.domid), "web").unwrap();
    assert_eq!(host.everything(), before);
}

#[test]
fn a_destroy_that_meets_trouble_is_finished_by_the_next_try() {
    for release in RELEASES {
        let host = Host::new(release, MachineConfig::default());
        let before = host.everything();
        for effect in [Effect::Errno(Errno::EBUSY), Effect::DoneBut(Errno::EBUSY)] {
            let engine = host.engine(Arc::new(Always));
            let order = host.order(1, "16MiB", false);
            let created = engine.create(&order).unwrap();
            let fault = FaultPlan::none().with(When::Nth("domctl destroydomain", 0), effect.clone());
            host.machine.set_faults(fault);
            engine.destroy(host.fresh(), order.uuid, DomId(created.record.domid), "web").unwrap_err();
            engine.recover(&mut || host.fresh()).unwrap();
            assert_eq!(host.everything(), before, "{release} {effect:?}");
        }
    }
}
