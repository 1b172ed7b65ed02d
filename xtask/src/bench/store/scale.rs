//! What others' watches, connections and nodes cost.

use anyhow::Result;

use super::client::{Client, READ, WATCH, WRITE, request};
use super::daemon::{Daemon, Who};
use super::requests::cpu_us;

const REQUESTS: usize = 2_000;
const FEW_WATCHES: usize = 100;
const MANY_WATCHES: usize = 30_000;
const WATCHES_PER_CLIENT: usize = 100;
const IDLE: usize = 10_000;
/// Stock daemons look at every connection for each request: 10,000 take them hours.
const IDLE_STOCK: usize = 1_000;
const DIRECTORIES: usize = 100;
const NODES: usize = 500_000;

/// Processor of a write that meets no watch, with 30,000 watches over that with 100.
pub fn watches(daemon: &Daemon) -> Result<f64> {
    let mut writer = Client::connect(&daemon.socket())?;
    let bytes = request(WRITE, 0, b"/bench/unwatched\0v");
    let mut watchers = Vec::new();
    watch(daemon, &mut watchers, FEW_WATCHES)?;
    let few = cpu_us(daemon, &mut writer, &bytes, REQUESTS)?;
    watch(daemon, &mut watchers, MANY_WATCHES)?;
    Ok(cpu_us(daemon, &mut writer, &bytes, REQUESTS / 4)? / few)
}

fn watch(daemon: &Daemon, watchers: &mut Vec<Client>, count: usize) -> Result<()> {
    while watchers.len() * WATCHES_PER_CLIENT < count {
        let (mut client, number) = (Client::connect(&daemon.socket())?, watchers.len());
        for watch in 0..WATCHES_PER_CLIENT {
            client.ask(WATCH, 0, format!("/bench/watched/{number}/{watch}\0token\0").as_bytes())?;
        }
        watchers.push(client);
    }
    Ok(())
}

/// Processor of a read with 10,000 idle connections over that with one; of stock daemons with 1,000.
pub fn idle(daemon: &Daemon) -> Result<f64> {
    let mut reader = Client::connect(&daemon.socket())?;
    reader.ask(WRITE, 0, b"/bench/node\0v")?;
    let bytes = request(READ, 0, b"/bench/node\0");
    let mut others = vec![Client::connect(&daemon.socket())?];
    let one = cpu_us(daemon, &mut reader, &bytes, REQUESTS)?;
    let idle = if daemon.who == Who::Ours { IDLE } else { IDLE_STOCK };
    while others.len() < idle {
        let mut other = Client::connect(&daemon.socket())?;
        // Taken in, and not only in the queue.
        other.exchange(&bytes, 1)?;
        others.push(other);
    }
    Ok(cpu_us(daemon, &mut reader, &bytes, REQUESTS / 4)? / one)
}

/// Bytes of memory for each of 500,000 nodes with values of five bytes, in directories of 5,000.
pub fn node_bytes(daemon: &Daemon) -> Result<f64> {
    let mut client = Client::connect(&daemon.socket())?;
    let before = daemon.memory()?;
    for directory in 0..DIRECTORIES {
        for batch in 0..NODES / DIRECTORIES / 50 {
            let bytes: Vec<u8> =
                (0..50).flat_map(|node| request(WRITE, 0, format!("/bench/{directory}/{}\0value", batch * 50 + node).as_bytes())).collect();
            client.exchange(&bytes, 50)?;
        }
    }
    Ok(daemon.memory()?.saturating_sub(before) as f64 / NODES as f64)
}
