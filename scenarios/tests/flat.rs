//! A thousand domains come and go, and the process that holds control, store and console stays as large as it was.
//!
//! A binary of its own: nothing else runs in the process that is measured. Control remembers the last thousand operations, two of which are made by
//! each domain, so the first cycles fill that and count as warm-up.

#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by it")]

use std::thread;
use std::time::Duration;

use scenarios::sim_world::SimWorld;
use scenarios::world::{Guest, World, config, create_paused, gone, steady};
use xen_abi::Release;
use xen_sim::FaultPlan;

const WARM_UP: u32 = 600;
const CYCLES: u32 = 1000;
/// Between two looks.
const STRIDE: u32 = 100;
/// The most that memory may grow, in percent.
const GROWTH_MAX: u64 = 5;

#[test]
fn a_thousand_cycles_leave_the_process_as_it_was() {
    let mut world = SimWorld::start(Release::V4_17).expect("a simulated host");
    let before = steady(&mut world).expect("a look at the host");
    for _ in 0..WARM_UP / STRIDE {
        cycle(&mut world);
    }
    let descriptors = settled(usize::MAX);
    let mut sizes = vec![anonymous_kib()];
    for _ in 0..CYCLES / STRIDE {
        cycle(&mut world);
        sizes.push(anonymous_kib());
    }
    let after = steady(&mut world).expect("a look at the host");
    println!("anonymous memory after {WARM_UP} cycles and each {STRIDE} more, in KiB: {sizes:?}; {descriptors} descriptors");
    assert_eq!(before.differences(&after, 0), Vec::<String>::new());
    assert_eq!(settled(descriptors), descriptors, "descriptors");
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    assert!(last * 100 <= first * (100 + GROWTH_MAX), "{first} KiB became {last} KiB: {sizes:?}");
}

fn cycle(world: &mut SimWorld) {
    let config = config(world, "cycle", Guest::Halting).expect("a config");
    for _ in 0..STRIDE {
        create_paused(world, &config).unwrap_or_else(|error| panic!("create: {error:#}"));
        world.client().destroy("cycle").unwrap_or_else(|problem| panic!("destroy: {problem}"));
        gone(world, "cycle").unwrap_or_else(|error| panic!("gone: {error:#}"));
    }
    // The simulator notes each hypercall until it is told of the faults to come: that is none of the roles' memory.
    world.machine().set_faults(FaultPlan::none());
}

/// Memory that is this process's alone: its heap and its stacks.
fn anonymous_kib() -> u64 {
    let told = std::fs::read_to_string("/proc/self/smaps_rollup").expect("smaps_rollup");
    let line = told.lines().find_map(|line| line.strip_prefix("Anonymous:")).expect("a line about anonymous memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Open descriptors once no more than `most` are open, or once that took too long: a connection ends a moment after its last answer.
fn settled(most: usize) -> usize {
    let count = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    for _ in 0..500 {
        thread::sleep(Duration::from_millis(10));
        if most != usize::MAX && count() <= most {
            break;
        }
    }
    count()
}
