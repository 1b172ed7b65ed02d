//! SIGKILL of control and of a client of its event log, again and again while domains come and go: the client misses nothing and hears nothing twice.
//!
//! ```text
//!   round    domains come and go ------------------------------------> enough events
//!   client   |======= SIGKILL   |=====================================
//!   control  |================================ SIGKILL  |=============   every other round the other way round
//! ```
//!
//! The client is a process of its own that goes on from the last whole line of its file. On the simulator control ends between two turns;
//! scenarios/tests/replay.rs kills a simulated host whole.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use xenith_api::latest::{CreateRequest, Event};

use crate::lives::{Answered, about_a_domain, busy, judge};
use crate::world::{Guest, Role, SETTLED, World, config, events, events_since, gone, until};

/// Kills of each of the two.
const ROUNDS: u32 = 10;
/// Events about domains, in all.
const EVENTS: usize = 500;
const NAME: &str = "short-lived";

pub fn run(world: &mut dyn World) -> Result<()> {
    let config = config(world, NAME, Guest::Busy)?;
    let request = CreateRequest { config, paused: false, dry_run: false };
    let before = events(world)?.pop().context("a log without an event")?;
    // So that the client goes on from there.
    let file = world.file("followed.ndjson", format!("{}\n", serde_json::to_string(&before)?).as_bytes())?;
    let (mut answered, mut told) = (Vec::new(), Told { seq: before.seq, count: 0 });
    for round in 1..=ROUNDS {
        answered.extend(one(world, &request, Path::new(&file), &mut told, round).with_context(|| format!("round {round}"))?);
        world.pass(SETTLED)?;
    }
    if world.client().list()?.iter().any(|domain| domain.name == NAME) {
        world.client().destroy(NAME)?;
        gone(world, NAME)?;
    }
    let all = events_since(world, before.seq)?;
    let client = Mortal::follower(world, Path::new(&file))?;
    let limit = world.boot_limit();
    let heard = until(world, "the client to have heard all", limit, |_| {
        let heard = heard(Path::new(&file))?;
        Ok((heard.len() > all.len()).then_some(heard))
    })?;
    drop(client);
    for (told, heard) in [&before].into_iter().chain(&all).zip(&heard) {
        ensure!(told == heard, "the client heard {heard:?} where the log tells {told:?}");
    }
    judge(&all, before.seq + 1, &answered)?;
    let domains = all.iter().filter(|event| about_a_domain(event)).count();
    ensure!(domains >= EVENTS, "{domains} events about domains");
    println!("{} events, {domains} of them about domains, {} answers; {ROUNDS} kills of each", all.len(), answered.len());
    Ok(())
}

/// How far the log was looked at, each event once: whoever reads all of it again and again only falls behind.
struct Told {
    seq: u64,
    /// Those about domains.
    count: usize,
}

fn one(world: &mut dyn World, request: &CreateRequest, file: &Path, told: &mut Told, round: u32) -> Result<Answered> {
    let enough = Arc::new(AtomicBool::new(false));
    let mut client = Mortal::follower(world, file)?;
    let worker = busy(world.api(), request.clone(), Arc::clone(&enough));
    // Each round strikes somewhere else.
    world.pass(Duration::from_millis(u64::from(100 + 37 * round)))?;
    for turn in 0..2 {
        if (round + turn).is_multiple_of(2) {
            world.kill(Role::Control)?;
        } else {
            drop(client);
            world.pass(Duration::from_millis(u64::from(29 * round)))?;
            client = Mortal::follower(world, file)?;
        }
    }
    let (limit, share) = (world.boot_limit(), EVENTS * round as usize / ROUNDS as usize);
    let came = until(world, "enough events", limit, |world| {
        let new = events_since(world, told.seq)?;
        told.seq = new.last().map_or(told.seq, |event| event.seq);
        told.count += new.iter().filter(|event| about_a_domain(event)).count();
        Ok((told.count >= share).then_some(()))
    });
    enough.store(true, Ordering::Relaxed);
    let answered = worker.join().map_err(|_| anyhow!("the thread of lives panicked"))?;
    came.map(|()| answered)
}

/// The whole lines of the client's file.
fn heard(file: &Path) -> Result<Vec<Event>> {
    let text = fs::read_to_string(file)?;
    let whole = text.rfind('\n').and_then(|end| text.get(..=end)).unwrap_or_default();
    whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// A client, killed (SIGKILL) with this value.
struct Mortal(Child);

impl Mortal {
    fn follower(world: &dyn World, file: &Path) -> Result<Mortal> {
        let program = world.program()?;
        let errors = File::create(file.with_extension("errors"))?;
        let child = Command::new(&program).arg("follow").args([&world.socket(), file]).stderr(errors).spawn();
        Ok(Mortal(child.with_context(|| program.display().to_string())?))
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
