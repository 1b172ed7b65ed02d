//! Faults: every step of a build fails in turn, and what is left is told.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::pvh::{self, Spec};
use common::{Host, RELEASES};
use xen_abi::hypercall::domctl::lifecycle::DestroyDomain;
use xen_abi::{DomId, Errno, Gfn, Release};
use xen_hv::{Access, EventChannels, ForeignMemory, MapError};
use xen_sim::{Effect, FaultPlan, When};

/// Destroys whatever domain there is.
fn clean(host: &Host) {
    host.machine.set_faults(FaultPlan::none());
    let left: Vec<DomId> = host.machine.audit().domains.into_keys().filter(|domid| *domid != DomId::DOM0).collect();
    for domid in left {
        host.run(DestroyDomain { domid }).unwrap();
    }
}

#[test]
fn every_step_of_a_build_can_fail() {
    for release in RELEASES {
        let host = Host::new(release);
        let before = host.machine.audit();
        host.machine.set_faults(FaultPlan::none());
        pvh::build(&host, &Spec::default());
        let steps = host.machine.steps();
        assert!(steps.iter().any(|step| step.name == "foreign map") && steps.iter().all(|step| &*step.process == "control"), "{steps:?}");
        clean(&host);
        for (index, step) in steps.iter().enumerate() {
            host.machine.set_faults(FaultPlan::none().with(When::Step(index), Effect::Errno(Errno::ENOMEM)));
            assert!(pvh::try_build(&host, &Spec::default()).is_err(), "{release}, step {index}: {}", step.name);
            assert_eq!(host.machine.fault_hits(), 1, "{release}, step {index}");
            clean(&host);
            assert_eq!(host.machine.audit(), before, "{release}, step {index}: {}", step.name);
        }
    }
}

#[test]
fn a_call_can_be_done_and_still_fail() {
    let host = Host::new(Release::V4_20);
    host.machine.set_faults(FaultPlan::none().with(When::Nth("domctl createdomain", 1), Effect::DoneBut(Errno::EINTR)));
    let answers = [(); 3].map(|()| host.run(common::pvh_domain(1)));
    assert_eq!(answers, [Ok(DomId(1)), Err(Errno::EINTR), Ok(DomId(3))]);
}

#[test]
fn populate_and_mappings_fail_in_part() {
    let host = Host::new(Release::V4_17);
    let domid = host.domain(1 << 20);
    let plan = FaultPlan::none()
        .with(When::Nth("memory_op populate_physmap", 0), Effect::Short(2))
        .with(When::Nth("foreign map", 0), Effect::Frames(vec![(1, Errno::ENOENT), (2, Errno::EAGAIN)]));
    host.machine.set_faults(plan);
    assert_eq!([0, 8].map(|start| host.populate(domid, 0, &[start, start + 1, start + 2])), [2, 3]);
    let frames = [Gfn(8), Gfn(9), Gfn(10)];
    let Err(MapError::Frames { failed, .. }) = ForeignMemory::map(&host.control, domid, &frames, Access::Read) else { panic!() };
    assert_eq!(failed, [(1, Errno::ENOENT), (2, Errno::EAGAIN)]);
    assert!(ForeignMemory::map(&host.control, domid, &frames, Access::Read).is_ok());
    assert_eq!(host.machine.fault_hits(), 2);
}

#[test]
fn a_plan_can_be_for_one_process() {
    let host = Host::new(Release::V4_22);
    let store = host.machine.process(DomId::DOM0, "store").unwrap();
    host.machine.set_faults(FaultPlan::none().with(When::Every("evtchn bind_virq"), Effect::Errno(Errno::ENOSPC)).only_for("store"));
    assert_eq!(store.bind_virq(3).unwrap_err().errno(), Some(Errno::ENOSPC));
    assert!(host.control.bind_virq(3).is_ok());
    assert_eq!(host.machine.steps().len(), 1);
}

#[test]
fn entries_of_a_multicall_are_steps() {
    use xen_abi::Operation;
    use xen_abi::hypercall::domctl::lifecycle::PauseDomain;
    use xen_abi::hypercall::domctl::max_mem::MaxMem;
    use xen_abi::hypercall::multicall;
    use xen_hv::Hypercalls;
    for release in RELEASES {
        let host = Host::new(release);
        let domid = host.run(common::pvh_domain(1)).unwrap();
        let calls = vec![
            PauseDomain { domid }.encode(&release).unwrap(),
            PauseDomain { domid: DomId(9) }.encode(&release).unwrap(),
            MaxMem { domid, max_kib: 4096 }.encode(&release).unwrap(),
        ];
        host.machine.set_faults(FaultPlan::none().with(When::Step(1), Effect::Errno(Errno::EBUSY)));
        let mut combined = multicall::combine(&calls).unwrap();
        assert_eq!(host.control.issue(&mut combined).unwrap(), 0, "{release}");
        let results: Vec<i64> = multicall::results(&combined, calls).unwrap().into_iter().map(|(value, _)| value).collect();
        assert_eq!(results, [-16, -3, 0], "{release}");
        let names: Vec<&str> = host.machine.steps().iter().map(|step| step.name).collect();
        assert_eq!(names, ["multicall", "domctl pausedomain", "domctl pausedomain", "domctl max_mem"], "{release}");
    }
}

#[test]
fn random_faults_repeat_with_their_seed() {
    let run = |seed| {
        let host = Host::new(Release::V4_20);
        host.machine.set_faults(FaultPlan::none().at_random(seed, 100));
        for _ in 0..20 {
            let _ = pvh::try_build(&host, &Spec::default());
        }
        (host.machine.steps(), host.machine.fault_hits())
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7).0, run(8).0);
    assert!(run(7).1 > 5);
}
