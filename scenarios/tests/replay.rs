//! SIGKILL of the daemon and of a client of its event log, each a process of its own, at random moments: the client misses nothing and sees nothing
//! twice, and whatever the daemon had answered stands in the log.
//!
//! ```text
//!   scenarios serve  --> state/events/*.ndjson      killed; the next one is a host that has just booted, with the same state
//!        | events?since=N&follow=true
//!   scenarios follow --> followed.ndjson            killed; the next one goes on from the last whole line
//! ```
//!
//! The simulator lives in the daemon's process, so its end is the host's end as well. `XENITH_SEED=S` runs one seed again.

#![allow(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by it")]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use scenarios::lives::{busy, judge};
use scenarios::sim_world::STATE;
use serde_json::{Value, json};
use xenith_api::client::Unix;
use xenith_api::latest::Event;

const SCENARIOS: &str = env!("CARGO_BIN_EXE_scenarios");
/// Kills of each of the two, at least.
const KILLS: [u32; 2] = [10, 10];
/// Events about domains, at least.
const EVENTS: usize = 500;
const PATIENCE: Duration = Duration::from_secs(60);

/// splitmix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }
}

/// The process, killed (SIGKILL) with this value.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn host(directory: &Path) -> (Mortal, Value) {
    let mut command = Command::new(SCENARIOS);
    command.args(["serve", "--dir"]).arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Mortal(child), serde_json::from_str(&line).unwrap())
}

fn follower(socket: &Path, file: &Path) -> Mortal {
    Mortal(Command::new(SCENARIOS).arg("follow").args([socket, file]).spawn().unwrap())
}

/// The log as it lies on the disk.
fn on_disk(directory: &Path) -> String {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(directory.join(STATE).join("events")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect()
}

/// Its whole lines.
fn events(log: &str) -> Vec<Event> {
    let whole = log.get(..=log.rfind('\n').unwrap_or(0)).unwrap();
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn about_domains(log: &str) -> usize {
    log.lines().filter(|line| line.contains("\"kind\":\"domain-")).count()
}

#[test]
fn neither_kill_loses_an_event_or_tells_it_twice() {
    let fresh = || u64::from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos());
    let seed = std::env::var("XENITH_SEED").map_or_else(|_| fresh(), |seed| seed.parse().unwrap());
    println!("XENITH_SEED={seed}");
    let mut dice = Dice(seed);
    let own = tempfile::tempdir().unwrap();
    let directory = own.path().join("host");
    std::fs::create_dir(&directory).unwrap();
    let (socket, file) = (directory.join("api.sock"), own.path().join("followed.ndjson"));

    let (first, place) = host(&directory);
    let boot = json!({ "kernel": place["kernel"], "cmdline": "sim.script=busy" });
    let request = serde_json::from_value(json!({ "config": { "name": "own", "memory": "16MiB", "boot": boot } })).unwrap();
    let enough = Arc::new(AtomicBool::new(false));
    let worker = busy(Unix::new(&socket, PATIENCE), request, Arc::clone(&enough));
    let (mut daemon, mut client) = (Some(first), Some(follower(&socket, &file)));
    let mut kills = [0, 0];
    while kills[0] < KILLS[0] || kills[1] < KILLS[1] || about_domains(&on_disk(&directory)) < EVENTS {
        thread::sleep(Duration::from_millis(50 + dice.roll(400)));
        let whom = dice.roll(3);
        if whom != 1 {
            drop(daemon.take());
            kills[0] += 1;
        }
        if whom != 0 {
            drop(client.take());
            kills[1] += 1;
        }
        // Whoever comes back first finds the other one there, or not.
        if dice.roll(2) == 0 {
            client.get_or_insert_with(|| follower(&socket, &file));
        }
        daemon.get_or_insert_with(|| host(&directory).0);
        client.get_or_insert_with(|| follower(&socket, &file));
    }
    enough.store(true, Ordering::Relaxed);
    let answered = worker.join().unwrap();
    drop(daemon);
    let log = on_disk(&directory);

    // The last daemon may have been killed before the client had heard all of it: another one tells it the rest.
    let (daemon, _) = host(&directory);
    let (began, followed) = (Instant::now(), || std::fs::read_to_string(&file).unwrap());
    while followed().len() < log.len() {
        assert!(began.elapsed() < PATIENCE, "seed {seed}: the client has {} bytes of {}", followed().len(), log.len());
        thread::sleep(Duration::from_millis(20));
    }
    drop((daemon, client));
    let (log, heard) = (on_disk(&directory), followed());
    let heard = heard.get(..=heard.rfind('\n').unwrap()).unwrap();
    assert!(log.starts_with(heard), "seed {seed}: what the client heard is not how the log begins");
    judge(&events(&log), 1, &answered).unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    let (lines, domains) = (log.lines().count(), about_domains(&log));
    println!("{lines} events, {domains} of them about domains, {} answers; {kills:?} kills of daemon and client", answered.len());
}
