//! One client that has the store to itself.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity};

use super::client::{Client, READ, WRITE, request};
use super::daemon::{Daemon, Who};

const NODE: &[u8] = b"/bench/node\0";
const SEQUENTIAL: usize = 20_000;
const WINDOW: usize = 32;
const WINDOWS: usize = 1_000;

/// Median of a read's microseconds.
pub fn read_us(daemon: &Daemon) -> Result<f64> {
    let (mut client, bytes) = (ready(daemon)?, request(READ, 0, NODE));
    let mut times = Vec::with_capacity(SEQUENTIAL);
    for _ in 0..SEQUENTIAL {
        let begun = Instant::now();
        client.exchange(&bytes, 1)?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(SEQUENTIAL / 2).copied().unwrap_or_default().as_secs_f64() * 1e6)
}

/// Microseconds of processor for a read.
pub fn read_cpu_us(daemon: &Daemon) -> Result<f64> {
    let mut client = ready(daemon)?;
    cpu_us(daemon, &mut client, &request(READ, 0, NODE), SEQUENTIAL)
}

/// Microseconds of processor for a write.
pub fn write_cpu_us(daemon: &Daemon) -> Result<f64> {
    let mut client = ready(daemon)?;
    cpu_us(daemon, &mut client, &request(WRITE, 0, b"/bench/node\0v"), SEQUENTIAL)
}

/// Microseconds of the daemon's processor for each of so many requests. Client and daemon are on one processor: what it costs a machine to wake
/// another one is many times a request on some, and nothing on others.
pub fn cpu_us(daemon: &Daemon, client: &mut Client, bytes: &[u8], count: usize) -> Result<f64> {
    let anywhere = sched_getaffinity(None).context("ask for processors")?;
    let first = (0..CpuSet::MAX_CPU).find(|processor| anywhere.is_set(*processor)).context("no processor")?;
    let mut one = CpuSet::new();
    one.set(first);
    daemon.may_run_on(&one)?;
    let spent = spent_us(daemon, client, bytes, count);
    daemon.may_run_on(&anywhere)?;
    spent
}

fn spent_us(daemon: &Daemon, client: &mut Client, bytes: &[u8], count: usize) -> Result<f64> {
    client.exchange(bytes, 1)?;
    let before = daemon.cpu_ns()?;
    for _ in 0..count {
        client.exchange(bytes, 1)?;
    }
    let spent = daemon.cpu_ns()?.checked_sub(before).context("a process of the daemon ended meanwhile")?;
    Ok(spent as f64 / 1e3 / count as f64)
}

/// Reads a second, with many on the way at once.
pub fn pipelined(daemon: &Daemon) -> Result<f64> {
    let (mut client, bytes) = (ready(daemon)?, request(READ, 0, NODE).repeat(WINDOW));
    let begun = Instant::now();
    for _ in 0..WINDOWS {
        client.exchange(&bytes, WINDOW)?;
    }
    Ok((WINDOW * WINDOWS) as f64 / begun.elapsed().as_secs_f64())
}

/// A client, and a node to ask for. The first requests warm everything up.
fn ready(daemon: &Daemon) -> Result<Client> {
    let mut client = Client::connect(&daemon.socket())?;
    let (kind, said) = client.exchange(&request(WRITE, 0, b"/bench/node\0v"), 1)?;
    ensure!(kind == WRITE || daemon.who == Who::Echo, "WRITE: {}", String::from_utf8_lossy(&said));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(50) {
        client.exchange(&request(READ, 0, NODE), 1)?;
    }
    Ok(client)
}
