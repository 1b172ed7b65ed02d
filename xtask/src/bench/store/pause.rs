//! How long a client waits while a store is replaced by another process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::client::{CONTROL, Client, READ, WRITE, request};
use super::daemon::{Daemon, Who};

const NODES: usize = 20_000;
/// Before and after, so that the wait is not one of those.
const QUIET: Duration = Duration::from_millis(200);
const PATIENCE: Duration = Duration::from_secs(30);

/// The longest wait of a client that reads without a pause, in ms, at 20,000 nodes.
pub fn live_update(daemon: &Daemon) -> Result<f64> {
    let mut reader = Client::connect(&daemon.socket())?;
    for batch in 0..NODES / 50 {
        let write = |node: usize| request(WRITE, 0, format!("/bench/domain/{}/{}\0value", batch % 100, batch * 50 + node).as_bytes());
        reader.exchange(&(0..50).flat_map(write).collect::<Vec<u8>>(), 50)?;
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let updating = scope.spawn(|| {
            thread::sleep(QUIET);
            let updated = update(daemon);
            thread::sleep(QUIET);
            done.store(true, Ordering::Relaxed);
            updated
        });
        let mut longest = Duration::ZERO;
        let bytes = request(READ, 0, b"/bench/domain/0/0\0");
        while !done.load(Ordering::Relaxed) {
            let begun = Instant::now();
            reader.exchange(&bytes, 1)?;
            longest = longest.max(begun.elapsed());
        }
        updating.join().map_err(|_| anyhow!("the update's thread panicked"))??;
        Ok(longest.as_secs_f64() * 1000.0)
    })
}

fn update(daemon: &Daemon) -> Result<()> {
    match daemon.who {
        Who::Ours => {
            let before = daemon.processes()?;
            kill_process(Pid::from_raw(i32::try_from(daemon.pid())?).context("a process has no number")?, Signal::HUP)?;
            let begun = Instant::now();
            // Another one is there, and the old one is not.
            while before.is_subset(&daemon.processes()?) {
                ensure!(begun.elapsed() < PATIENCE, "no other worker comes up");
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }
        _ => {
            let mut asker = Client::connect(&daemon.socket())?;
            let file = format!("live-update\0-f\0{}\0", daemon.program().display());
            for asked in [file.as_bytes(), b"live-update\0-s\0"] {
                let said = asker.ask(CONTROL, 0, asked)?;
                ensure!(said == b"OK\0", "live-update: {}", String::from_utf8_lossy(&said));
            }
            Ok(())
        }
    }
}
