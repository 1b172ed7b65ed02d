//! `cargo xtask abi`: measures sizes and offsets from each release's public headers.

use anyhow::Result;

/// What to measure.
#[derive(clap::Args)]
pub struct Arguments {}

/// Measures every release.
pub fn run(_arguments: &Arguments) -> Result<()> {
    Ok(())
}
