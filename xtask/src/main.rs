//! The workshop: one file per verb.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod abi;
mod bench;
mod demo;
mod dist;
mod fuzz;
mod lab;
mod schemathesis;
mod stock;
mod stories;
mod swarm;
mod test;
mod tidy;
mod workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Xenith's workshop: build, test and try it on real Xen")]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Measure the layouts of each Xen release from its public headers again.
    Abi(abi::Arguments),
    /// Measure ours beside the stock programs.
    Bench(bench::Arguments),
    /// Show a domain's console on real Xen, from nothing.
    Demo(demo::Arguments),
    /// Build the static release binary into target/dist.
    Dist(dist::Arguments),
    /// Run the fuzz targets for a while.
    Fuzz(fuzz::Arguments),
    /// Real Xen in QEMU: a shell in dom0, stories, or a script.
    Lab(lab::Arguments),
    /// Random requests from the API's document, against the API over the simulator.
    Schemathesis(schemathesis::Arguments),
    /// Random requests, faults and kills on the simulator.
    Swarm(swarm::Arguments),
    /// Run every check: what CI runs.
    Test(test::Arguments),
    /// Check the house's invariants.
    Tidy(tidy::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> Result<()> {
    match verb {
        Verb::Abi(arguments) => abi::run(&arguments),
        Verb::Bench(arguments) => bench::run(&arguments),
        Verb::Demo(arguments) => demo::run(&arguments),
        Verb::Dist(arguments) => dist::run(&arguments),
        Verb::Fuzz(arguments) => fuzz::run(&arguments),
        Verb::Lab(arguments) => lab::run(&arguments),
        Verb::Schemathesis(arguments) => schemathesis::run(&arguments),
        Verb::Swarm(arguments) => swarm::run(&arguments),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Tidy(arguments) => tidy::run(&arguments),
    }
}
