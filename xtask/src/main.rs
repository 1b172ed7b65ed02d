//! The workshop: one file per verb.

use anyhow::Result;
use clap::{Parser, Subcommand};

mod abi;
mod tidy;

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
    /// Check the house's invariants.
    Tidy(tidy::Arguments),
}

fn main() -> Result<()> {
    match Arguments::parse().verb {
        Verb::Abi(arguments) => abi::run(&arguments),
        Verb::Tidy(arguments) => tidy::run(&arguments),
    }
}
