//! A thousand domains come and go, and the process that holds control, store and console stays as large as it was.
//!
//! A process of its own, with one heap: nothing else runs in what is measured. Control remembers the last 256 operations, two of which are
//! made by each domain, so the first cycles fill that and count as warm-up.

#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by it")]

use std::process::Command;
use std::thread;
use std::time::Duration;

use scenarios::sim_world::SimWorld;
use scenarios::world::{Guest, World, config, create_paused, gone, steady};
use xen_abi::Release;
use xen_sim::FaultPlan;

const WARM_UP: u32 = 200;
const CYCLES: u32 = 1000;
/// Between two looks.
const STRIDE: u32 = 100;
/// The most that the heap may grow, in percent.
const GROWTH_MAX: u64 = 5;
/// One arena, and nothing beside it: then the heap is all that was allocated, and no thread brings memory of its own but its stack. Glibc reads it
/// before `main`.
const ONE_HEAP: [(&str, &str); 2] = [("MALLOC_ARENA_MAX", "1"), ("MALLOC_MMAP_MAX_", "0")];

#[test]
fn a_thousand_cycles_leave_the_process_as_it_was() {
    if ONE_HEAP.iter().all(|(name, value)| std::env::var(name).as_deref() == Ok(*value)) {
        return measured();
    }
    let mut again = Command::new(std::env::current_exe().expect("this program"));
    let status = again.arg("--nocapture").envs(ONE_HEAP).status().expect("this program once more");
    assert!(status.success(), "its words are above");
}

fn measured() {
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

/// The heap as far as it was ever touched.
fn heap_kib() -> u64 {
    let told = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
    let heap = told.lines().skip_while(|line| !line.ends_with("[heap]")).find_map(|line| line.strip_prefix("Anonymous:"));
    heap.expect("a heap").trim().trim_end_matches(" kB").parse().expect("a number")
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
