//! Eight clients that want the same.

use std::path::Path;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::client::{Client, ERROR, READ, TRANSACTION_END, TRANSACTION_START, WRITE, request};
use super::daemon::Daemon;

const CLIENTS: usize = 8;
const SPAN: Duration = Duration::from_secs(3);

/// What one client reached.
#[derive(Debug, Default, Clone, Copy)]
struct Reached {
    commits: u64,
    refused: u64,
}

/// Commits of the worst client over the best one's, all read and write one node.
pub fn worst_over_best(daemon: &Daemon) -> Result<f64> {
    let all = one_node(daemon)?;
    let commits = || all.iter().map(|one| one.commits);
    Ok(commits().min().unwrap_or(0) as f64 / commits().max().unwrap_or(0).max(1) as f64)
}

/// Commits a second of all together.
pub fn commits(daemon: &Daemon) -> Result<f64> {
    Ok(one_node(daemon)?.iter().map(|one| one.commits).sum::<u64>() as f64 / SPAN.as_secs_f64())
}

/// Refused commits in percent, each client makes nodes of its own in one directory.
pub fn siblings_refused(daemon: &Daemon) -> Result<f64> {
    let all = together(daemon, |client, number, round| {
        let path = format!("/bench/siblings/{number}-{round}\0v");
        transaction(client, &[(WRITE, path.as_bytes())])
    })?;
    let refused: u64 = all.iter().map(|one| one.refused).sum();
    let ends = refused + all.iter().map(|one| one.commits).sum::<u64>();
    Ok(refused as f64 * 100.0 / ends.max(1) as f64)
}

/// Six requests each: what was read is written back changed, twice.
fn one_node(daemon: &Daemon) -> Result<Vec<Reached>> {
    together(daemon, |client, number, round| {
        let node = b"/bench/shared\0".as_slice();
        let (first, second) = (format!("/bench/shared\0{number}-{round}-1"), format!("/bench/shared\0{number}-{round}-2"));
        transaction(client, &[(READ, node), (WRITE, first.as_bytes()), (READ, node), (WRITE, second.as_bytes())])
    })
}

fn together(daemon: &Daemon, turn: impl Fn(&mut Client, usize, u64) -> Result<bool> + Sync) -> Result<Vec<Reached>> {
    let socket = daemon.socket();
    let mut first = Client::connect(&socket)?;
    first.ask(WRITE, 0, b"/bench/shared\0v")?;
    first.ask(WRITE, 0, b"/bench/siblings\0")?;
    let (barrier, turn) = (Barrier::new(CLIENTS), &turn);
    thread::scope(|scope| {
        let run = |number| {
            let (barrier, socket) = (&barrier, &socket);
            scope.spawn(move || one(socket, barrier, |client, round| turn(client, number, round)))
        };
        let running: Vec<_> = (0..CLIENTS).map(run).collect();
        running.into_iter().map(|thread| thread.join().map_err(|_| anyhow!("a client panicked"))?).collect()
    })
}

fn one(socket: &Path, barrier: &Barrier, turn: impl Fn(&mut Client, u64) -> Result<bool>) -> Result<Reached> {
    let client = Client::connect(socket);
    barrier.wait();
    let (mut client, mut reached, begun) = (client?, Reached::default(), Instant::now());
    while begun.elapsed() < SPAN {
        match turn(&mut client, reached.commits)? {
            true => reached.commits += 1,
            false => reached.refused += 1,
        }
    }
    Ok(reached)
}

/// Whether it was committed.
fn transaction(client: &mut Client, requests: &[(u32, &[u8])]) -> Result<bool> {
    let id = client.ask(TRANSACTION_START, 0, b"\0")?;
    let id: u32 = String::from_utf8_lossy(&id).trim_end_matches('\0').parse()?;
    for (kind, payload) in requests {
        client.ask(*kind, id, payload)?;
    }
    let (kind, said) = client.exchange(&request(TRANSACTION_END, id, b"T\0"), 1)?;
    ensure!(kind != ERROR || said == b"EAGAIN\0", "TRANSACTION_END: {}", String::from_utf8_lossy(&said));
    Ok(kind != ERROR)
}
