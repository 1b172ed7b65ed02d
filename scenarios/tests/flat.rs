//! A thousand domains come and go, and the process that holds control, store and console stays as large as it was.
//!
//! What is counted is every byte that is allocated and not freed: how far the heap was ever touched depends on what happened to happen at once. Control
//! remembers the last 256 operations, two of which are made by each domain, so the first cycles fill that and count as warm-up.

#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by it")]

use std::alloc::System;
use std::thread;
use std::time::Duration;

use cap::Cap;
use scenarios::sim_world::SimWorld;
use scenarios::world::{Guest, World, config, create_paused, gone, steady};
use xen_abi::Release;
use xen_sim::FaultPlan;

const WARM_UP: u32 = 200;
const CYCLES: u32 = 1000;
/// Between two looks.
const STRIDE: u32 = 100;
/// The most that the heap may grow, in percent.
const GROWTH_MAX: usize = 5;
/// Connections and threads end a moment after the last answer.
const MOMENT: Duration = Duration::from_millis(200);

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

#[test]
fn a_thousand_cycles_leave_the_process_as_it_was() {
    let mut world = SimWorld::start(Release::V4_17).expect("a simulated host");
    let before = steady(&mut world).expect("a look at the host");
    for _ in 0..WARM_UP / STRIDE {
        cycle(&mut world);
    }
    let descriptors = settled(usize::MAX);
    let mut sizes = vec![heap_kib()];
    for _ in 0..CYCLES / STRIDE {
        cycle(&mut world);
        sizes.push(heap_kib());
    }
    let after = steady(&mut world).expect("a look at the host");
    println!("heap after {WARM_UP} cycles and each {STRIDE} more, in KiB: {sizes:?}; {descriptors} descriptors");
    assert_eq!(before.differences(&after, 0), Vec::<String>::new());
    assert_eq!(settled(descriptors), descriptors, "descriptors");
    let (first, last) = (sizes[0], sizes[sizes.len() - 1]);
    assert!(first > 0 && last * 100 <= first * (100 + GROWTH_MAX), "the heap: {first} KiB became {last} KiB: {sizes:?}");
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

/// What is allocated and not freed.
fn heap_kib() -> usize {
    thread::sleep(MOMENT);
    HEAP.allocated() / 1024
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
