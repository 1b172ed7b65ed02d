//! `cargo xtask schemathesis`: random requests from the API's own document, against the API over a simulated host. No answer may be a fault of
//! the server, or other than the document says.
//!
//! ```text
//!   schemathesis (Python, in the cache) --TCP, loopback--> scenarios serve: control over the simulator
//! ```

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use lab::Cache;
use serde::Deserialize;

use crate::dist;

mod program;

pub use program::Absent;

const SECONDS: u32 = 300;

/// How long, and against what.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long, in seconds.
    #[arg(long, default_value_t = SECONDS)]
    seconds: u32,
    /// The seed of the requests; a run prints its own.
    #[arg(long)]
    seed: Option<u32>,
    /// The release that the simulator answers as.
    #[arg(long, default_value = "4.20")]
    xen: String,
}

/// A run of the test suite.
impl Default for Arguments {
    fn default() -> Arguments {
        Arguments { seconds: SECONDS, seed: None, xen: "4.20".to_owned() }
    }
}

/// What the generator is told; `@KERNEL@` is a file that a domain can boot.
const CONFIG: &str = include_str!("schemathesis.toml");

/// Runs it; [`Absent`] where the program cannot be had.
pub fn run(arguments: &Arguments) -> Result<()> {
    let program = program::find(&Cache::open()?)?;
    let host = Host::start(&dist::binary("scenarios")?.path, &arguments.xen)?;
    let directory = tempfile::tempdir()?;
    let config = directory.path().join("schemathesis.toml");
    std::fs::write(&config, CONFIG.replace("@KERNEL@", &host.place.kernel))?;
    let seed = arguments.seed.unwrap_or_else(fresh);
    println!("schemathesis: seed {seed}, {} s", arguments.seconds);
    let status = Command::new(program)
        .current_dir(directory.path())
        .arg("--config-file")
        .arg(&config)
        .args(["run", &format!("{}/v1/openapi.json", host.place.url), "--no-color"])
        .args(["--max-time", &arguments.seconds.to_string(), "--seed", &seed.to_string()])
        .status()
        .context("start schemathesis")?;
    ensure!(status.success(), "schemathesis: {status}; its words are above, its seed was {seed}");
    Ok(())
}

/// The nanoseconds of this second.
fn fresh() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.subsec_nanos())
}

/// A simulated host that ends with this value.
struct Host {
    child: Child,
    place: Place,
}

/// What `scenarios serve` says of itself.
#[derive(Deserialize)]
struct Place {
    url: String,
    kernel: String,
}

impl Host {
    fn start(scenarios: &Path, xen: &str) -> Result<Host> {
        let mut command = Command::new(scenarios);
        command.args(["serve", "--xen", xen]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("start {}", scenarios.display()))?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        match serde_json::from_str(&line) {
            Ok(place) => Ok(Host { child, place }),
            Err(error) => bail!("scenarios serve said {line:?}: {error}; {:?}", child.wait()),
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_has_a_place_for_the_kernel() {
        assert!(CONFIG.contains("@KERNEL@"));
    }
}
