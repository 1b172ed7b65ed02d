//! `cargo xtask swarm`: random requests, faults and kills on the simulator, from as many seeds as wanted, or from one again.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// How many seeds, or which.
#[derive(clap::Args)]
pub struct Arguments {
    /// So many seeds, from 0.
    #[arg(long, default_value_t = 500)]
    seeds: u64,
    /// Only this one, with all that it says.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
}

/// Runs the swarm's test.
pub fn run(arguments: &Arguments) -> Result<()> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--locked", "-p", "xenith-control", "--test", "swarm", "--", "--nocapture"]);
    match arguments.seed {
        Some(seed) => cargo.env("XENITH_SEED", seed.to_string()),
        None => cargo.env("XENITH_SEEDS", arguments.seeds.to_string()),
    };
    ensure!(cargo.status().context("cargo cannot be run")?.success(), "the swarm failed; its seeds are above");
    Ok(())
}
