//! `cargo xtask bench`: ours beside the stock tools in one boot of the lab, as ratios and exact counts. One file per bench.
//!
//! ```text
//!   scenarios bench NAME (in dom0) --lines--> Results --> metrics --> a table, a JSON line each, and a verdict
//! ```
//!
//! The machine counts instructions (`Mode::Deterministic`), so that figures repeat on a busy host. A bench fails where a figure that must be
//! reached is not. It is no part of `cargo xtask test`: the counts are tested there on the simulator.

mod create;
mod metric;
mod results;

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
}

/// Runs a bench.
pub fn run(arguments: &Arguments) -> Result<()> {
    match &arguments.bench {
        Bench::Create(arguments) => create::run(arguments),
    }
}
