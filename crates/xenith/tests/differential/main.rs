//! Random scripts of requests, from a tools socket and three guests' rings, to ours and to a stock C xenstored side by side: replies, events and the
//! final tree are equal but for the list in `allowed.rs`, which docs/interfaces/xenstore.md explains.
//!
//! XENITH_DIFFERENTIAL_SEED starts with another seed, XENITH_DIFFERENTIAL_SCRIPT replays a file of printed steps.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod allowed;
mod client;
mod events;
mod life;
mod minimise;
mod pair;
mod random;
mod script;
mod side;
mod store;
mod talks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use script::Step;

/// A program that starts a stock C xenstored in `$XSSHIM_DIR`.
const PEER: &str = "XENITH_PEER_XENSTORED";
const STEPS: usize = 100_000;
/// Of one script; each begins with fresh stores.
const SCRIPT: usize = 500;
/// Of a script that showed what may be a matter of time.
const RETRIES: usize = 3;
/// Scripts at the same time: both stores and their clients wait for one another most of the time.
const WORKERS: usize = 4;

#[test]
#[ignore = "needs a stock daemon: XENITH_PEER_XENSTORED"]
fn ours_and_c_xenstored_answer_alike() {
    let peer = std::env::var(PEER).expect(PEER);
    if let Ok(path) = std::env::var("XENITH_DIFFERENTIAL_SCRIPT") {
        let steps: Vec<Step> = std::fs::read_to_string(path).unwrap().lines().filter_map(Step::parse).collect();
        pair::run(&peer, &steps, true).unwrap_or_else(|difference| panic!("{difference}"));
        return;
    }
    let first = std::env::var("XENITH_DIFFERENTIAL_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1u64);
    let seeds = first..first + (STEPS / SCRIPT) as u64;
    println!("seeds {first} to {}, {SCRIPT} steps each", seeds.end - 1);
    let (next, failed) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    let names = std::thread::scope(|scope| {
        let running: Vec<_> = (0..WORKERS).map(|_| scope.spawn(|| work(&peer, seeds.end, &next, &failed))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).reduce(sum).unwrap()
    });
    println!("allowed differences, in so many scripts: {names:?}");
    let failed = failed.into_inner().unwrap();
    if let Some((seed, steps, difference)) = failed.into_iter().min_by_key(|(seed, ..)| *seed) {
        println!("seed {seed}: {difference}");
        let (short, difference) = minimise::minimise(&peer, steps, difference);
        let lines: String = short.iter().map(|step| format!("{step}\n")).collect();
        panic!("seed {seed}: {difference}\nthe shortest script found (XENITH_DIFFERENTIAL_SCRIPT=file replays it):\n{lines}");
    }
}

/// A script that showed a difference: its seed, its steps, and the difference.
type Failed = Mutex<Vec<(u64, Vec<Step>, String)>>;
/// Names of allowed differences, each with the number of scripts that showed it.
type Names = BTreeMap<&'static str, usize>;

/// Scripts, until there are no more or one of anybody's fails.
fn work(peer: &str, end: u64, next: &AtomicU64, failed: &Failed) -> Names {
    let mut names = Names::new();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end || !failed.lock().unwrap().is_empty() {
            return names;
        }
        let steps = random::script(seed, SCRIPT);
        match run(peer, &steps) {
            Ok(met) => met.into_iter().for_each(|name| *names.entry(name).or_default() += 1),
            Err(difference) => failed.lock().unwrap().push((seed, steps, difference)),
        }
    }
}

/// Once, and again where what was met may be a matter of time.
fn run(peer: &str, steps: &[Step]) -> Result<BTreeSet<&'static str>, String> {
    let met = pair::run(peer, steps, false)?;
    if !met.contains(events::MERGED) {
        return Ok(met);
    }
    for _ in 0..RETRIES {
        if !pair::run(peer, steps, false)?.contains(events::MERGED) {
            return Ok(met);
        }
    }
    Err(format!("{}: every time one store sent an event more often than the other", events::MERGED))
}

fn sum(mut names: Names, other: Names) -> Names {
    other.into_iter().for_each(|(name, count)| *names.entry(name).or_default() += count);
    names
}
