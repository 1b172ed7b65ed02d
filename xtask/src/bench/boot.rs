//! One boot for a bench in the lab: the stock tools and ours side by side in a machine that counts instructions.

use std::time::Duration;

use anyhow::{Result, ensure};
use lab::machine::{Line, Mode};
use lab::{Choice, Job, Lab, Progress};

use super::results::Results;
use crate::stories::Binaries;
use crate::workspace;

/// Runs the script and takes in what it tells; gives the hypervisor's version.
///
/// # Errors
/// When the machine does not come to the end, or the script fails.
pub fn run(
    lab: &Lab,
    choice: &Choice,
    name: &str,
    script: &str,
    binaries: &Binaries,
    results: &mut Results,
    progress: &Progress,
) -> Result<String> {
    let mut job = Job::new(workspace::lab_log(&format!("bench-{name}-{}", choice.name()))?);
    job.files = binaries.files();
    job.files_back = Some(job.log.with_extension("out"));
    job.script = Some(format!("mkdir -p /run/scenarios /lab/out\n{script}"));
    job.stock_tools = true;
    job.mode = Mode::Deterministic;
    job.timeout = Duration::from_secs(3600);
    let mut unread = Ok(());
    let outcome = lab.run(choice, &job, |line| {
        if let Line::Report(text) = line {
            progress.note(text);
            if let Err(error) = results.hear(text) {
                unread = Err(error);
            }
        }
    })?;
    unread?;
    ensure!(outcome.status == 0, "Xen {}: the bench ended with status {}; see {}", choice.name(), outcome.status, job.log.display());
    Ok(outcome.xen_version)
}
