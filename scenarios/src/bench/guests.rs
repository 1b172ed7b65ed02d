//! `scenarios bench guests`: what one write costs with no guest, and with many.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use xen_abi::DomId;
use xen_store::client::{self, Client, Connection, Requests};
use xen_store::path;

use super::peer::TINY;
use super::{Figures, settle, tell, timed};

/// Where both stores listen.
const SOCKET: &str = "/run/xenstored/socket";
/// How long a store may be silent.
const PATIENCE: Duration = Duration::from_secs(60);
/// Writes of one repetition: a single one takes too few microseconds for a ratio.
const WRITES: usize = 200;

/// Measures the store that runs already, creates guests by `xl`, and measures again.
pub fn guests(who: &str, count: usize, repetitions: usize) -> Result<()> {
    let mut store = client::open(Some(Path::new(SOCKET)), PATIENCE)?;
    tell("write_alone", who, Figures::Us(writes(&mut store, repetitions)?))?;
    let file = TINY.xl_file()?;
    for number in 1..=count {
        let name = format!("name=\"guest{number}\"");
        timed::command(&["xl", "create", "-q", "-p", "-e", &file, &name, "memory=8"])?;
    }
    settle();
    tell("write_with_guests", who, Figures::Us(writes(&mut store, repetitions)?))
}

/// The time of each repetition, in microseconds.
fn writes(store: &mut Client<Connection>, repetitions: usize) -> Result<Vec<u64>> {
    let node = path::domain(DomId(0)).data().child("bench");
    let repetition = || -> Result<u64> {
        let began = Instant::now();
        for number in 0..WRITES {
            store.write(&node, number.to_string())?;
        }
        Ok(u64::try_from(began.elapsed().as_micros())?)
    };
    std::iter::repeat_with(repetition).take(repetitions).collect()
}
