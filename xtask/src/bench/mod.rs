//! `cargo xtask bench`: ours beside the stock programs, as ratios and exact counts: in the lab, in one boot where both can run in one, or on plain
//! Linux in one run. One file per bench.
//!
//! ```text
//!   scenarios bench NAME (in dom0) --lines--> Results --> metrics --> a table, a JSON line each, and a verdict
//! ```
//!
//! The lab's machine counts instructions (`Mode::Deterministic`), so that figures repeat on a busy host. A bench fails where a figure that must be
//! reached is not. It is no part of `cargo xtask test`: the counts are tested there on the simulator.

mod boot;
mod create;
mod grow;
mod guests;
mod memory;
mod metric;
mod report;
mod results;
mod store;

use anyhow::Result;
use clap::Subcommand;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// Create and destroy against `xl`, both on our store.
    Create(create::Arguments),
    /// Create, list and destroy beside few domains and beside many, and many creates at once, against `xl`.
    Grow(grow::Arguments),
    /// Write to our store and to the C store, without guests and with 120.
    Guests(guests::Arguments),
    /// The memory of our processes and of the stock ones, without domains and with 120.
    Memory(memory::Arguments),
    /// The store against C xenstored and oxenstored, on plain Linux.
    Store(store::Arguments),
}

/// Runs a bench.
pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.bench {
        Bench::Create(arguments) => create::run(arguments),
        Bench::Grow(arguments) => grow::run(arguments),
        Bench::Guests(arguments) => guests::run(arguments),
        Bench::Memory(arguments) => memory::run(arguments),
        Bench::Store(arguments) => store::run(arguments),
    }
}
