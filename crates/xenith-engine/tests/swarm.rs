//! Seeds times faults times kills: whatever happens, the next daemon finds the domain fully there or not at all.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{CONTROL, Host};
use xen_abi::{DomId, Release};
use xen_sim::{FaultPlan, MachineConfig};
use xenith_engine::engine::Recovered;
use xenith_engine::run::{Always, Moment, Next};

const SEEDS: u64 = 200;

/// One run: whether the domain was there at its end. The seed picks release, faults, and after how many moments the daemon dies or the create is cancelled.
fn run(seed: u64) -> bool {
    let release = Release::ALL[seed as usize % Release::ALL.len()];
    let host = Host::new(release, MachineConfig { seed, ..MachineConfig::default() });
    host.engine(Arc::new(Always));
    let before = host.everything();
    let left = AtomicU64::new(seed.wrapping_mul(7919) % 97);
    let end = if seed.is_multiple_of(3) { Next::Cancel } else { Next::Die };
    let hook = move |_: Moment| {
        let more = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if more.is_ok() { Next::Go } else { end }
    };
    let faults = |seed| host.machine.set_faults(FaultPlan::none().only_for(CONTROL).at_random(seed, 40));
    let order = host.order(1 + seed as u32 % 4, "16MiB", seed.is_multiple_of(2));
    let first = host.engine(Arc::new(hook));
    faults(seed);
    let created = first.create(&order);
    host.machine.set_faults(FaultPlan::none());
    drop(first);
    // The next daemon meets trouble too, the last one none.
    let second = host.engine(Arc::new(Always));
    faults(seed + SEEDS);
    second.recover(&mut || host.fresh()).unwrap();
    host.machine.set_faults(FaultPlan::none());
    drop(second);
    let last = host.engine(Arc::new(Always)).recover(&mut || host.fresh()).unwrap();
    assert!(!last.iter().any(|one| matches!(one, Recovered::Later(_))), "seed {seed}: {last:?}");
    let engine = host.engine(Arc::new(Always));
    assert!(engine.journal.unfinished().unwrap().0.is_empty(), "seed {seed}");
    let domids = host.domids();
    match domids.as_slice() {
        [] => assert!(created.is_err(), "seed {seed}: created and lost"),
        [domid] => {
            let (records, _) = engine.world.records.load().unwrap();
            assert_eq!(records.iter().map(|record| DomId(record.domid)).collect::<Vec<_>>(), [*domid], "seed {seed}");
            assert_eq!(engine.look(*domid).unwrap().unwrap().info.paused, order.paused, "seed {seed}: half of a domain");
            engine.destroy(host.fresh(), order.uuid, *domid, "web").unwrap();
        }
        more => panic!("seed {seed}: {more:?}"),
    }
    assert_eq!(host.everything(), before, "seed {seed}");
    !domids.is_empty()
}

#[test]
fn every_seed_ends_whole_or_clean() {
    let whole = (0..SEEDS).filter(|seed| run(*seed)).count();
    assert!((10..SEEDS as usize - 10).contains(&whole), "{whole} of {SEEDS} whole: the faults no longer tell anything");
}
