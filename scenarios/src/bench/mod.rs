//! Measurements in dom0: stock tools and ours in turn, in one boot, on our store; of stores, each in a boot of its own.
//!
//! ```text
//!   scenarios bench create --> for each repetition: xl, our API, our command line, each create with its destroy
//!                          --> once more, counted and not timed: xl under strace, ours by what its answer tells
//!   scenarios bench guests --> writes to the store that runs, guests by xl, the same writes again
//!   scenarios bench grow   --> sixteen creates at once by each; then create, list and destroy by each, beside few domains and beside many
//!   scenarios bench memory --> the memory of every process of a toolstack, with no domain, with many, and after them
//! ```
//!
//! One line for each result, as the lab's host reads it: `XENITH-LAB: bench {"case":...}`. What the figures must be is the host's to say
//! (`xtask/src/bench`).

mod create;
mod crowd;
mod grow;
mod guests;
mod memory;
mod peer;
mod strace;
mod syncs;
mod timed;

use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use xenith_api::latest::Cost;

pub use create::create;
pub use grow::grow;
pub use guests::guests;
pub use memory::memory;

/// What one of the contestants took for one thing.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Figures {
    /// Microseconds of each repetition, in order.
    Us(Vec<u64>),
    /// What went out, exactly.
    Cost(Cost),
    /// A single figure.
    Count(u64),
}

/// One result.
#[derive(Debug, Serialize)]
struct Told<'a> {
    case: &'a str,
    who: &'a str,
    #[serde(flatten)]
    figures: Figures,
}

fn tell(case: &str, who: &str, figures: Figures) -> Result<()> {
    println!("XENITH-LAB: bench {}", serde_json::to_string(&Told { case, who, figures })?);
    Ok(())
}

/// Lets everybody finish what the last measurement began: stores and consoles hear of domains after their creators do. Idle time costs nothing
/// where instructions are counted.
fn settle() {
    thread::sleep(Duration::from_millis(300));
}
