//! Stock tools of a release and stock guests on our store: the scripts of `lab/stock`, one boot each, a check for every step.
//!
//! ```text
//!   host.sh + witness.sh + takeover.sh --> steps
//!   host.sh + witness.sh + kill.sh     --> steps
//!   host.sh + beside.sh                --> steps
//!   host.sh + xl.sh on ours  --> steps, trees --.
//!   host.sh + xl.sh on C     --> steps, trees ---+--> what failed, and every node that is in one tree only
//! ```

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use lab::machine::Line;
use lab::{Choice, Job, Lab, Progress};

use crate::stories::Binaries;
use crate::workspace;

mod tree;

const HOST: &str = include_str!("../../../lab/stock/host.sh");
const XL: &str = include_str!("../../../lab/stock/xl.sh");
const WITNESS: &str = include_str!("../../../lab/stock/witness.sh");
const TAKEOVER: &str = include_str!("../../../lab/stock/takeover.sh");
const BESIDE: &str = include_str!("../../../lab/stock/beside.sh");
const KILL: &str = include_str!("../../../lab/stock/kill.sh");
/// The release whose C xenstored has no live update.
const NOT_TAKEN_OVER: &str = "4.14";
/// What a script says of a step.
const STEP: &str = "step ";
/// Its last step: a script that ends earlier is no success.
const END: &str = "end";
/// When the trees are taken.
const TREES: [&str; 2] = ["tree_created.txt", "tree_destroyed.txt"];

/// How many checks went well, and what did not.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// How many went well.
    pub passed: usize,
    /// The others, in words.
    pub failed: Vec<String>,
}

impl Checks {
    /// A step as a script says it: `NAME status=0 seconds=3`.
    fn hear(&mut self, step: &str, where_: &str) {
        if step.contains(" status=0 ") {
            self.passed += 1;
        } else {
            self.failed.push(format!("{where_}: {step}"));
        }
    }
}

/// Everyday life with stock xl on our store, and the same on the release's own; equal but for ids.
///
/// # Errors
/// When a machine does not come to the end.
pub fn everyday(lab: &Lab, choice: &Choice, binaries: &Binaries, progress: &Progress) -> Result<Checks> {
    let mut checks = Checks::default();
    let [ours, stock] = ["ours", "stock"].map(|store| boot(lab, choice, binaries, (&format!("xl-{store}"), store, XL), progress));
    let (ours, stock) = (ours?, stock?);
    for ended in [&ours, &stock] {
        checks.passed += ended.checks.passed;
        checks.failed.extend(ended.checks.failed.iter().cloned());
    }
    for name in TREES {
        let [ours, stock] = [&ours, &stock].map(|ended| tree::read(&ended.out.join(name), &choice.name()));
        let (ours, stock): (BTreeSet<String>, BTreeSet<String>) = (ours?, stock?);
        let different: Vec<String> = tree::difference(&ours, &stock).map(|line| format!("{name}: {line}")).collect();
        checks.passed += usize::from(different.is_empty());
        checks.failed.extend(different);
    }
    Ok(checks)
}

/// C xenstored is taken over and gets the store back, under a guest and a client of dom0 that talk through it all the time and miss nothing.
///
/// # Errors
/// When a machine does not come to the end.
pub fn replaced(lab: &Lab, choice: &Choice, binaries: &Binaries, progress: &Progress) -> Result<Checks> {
    if choice.name() == NOT_TAKEN_OVER {
        return Ok(Checks::default());
    }
    Ok(boot(lab, choice, binaries, ("takeover", "stock", &format!("{WITNESS}{TAKEOVER}")), progress)?.checks)
}

/// Our control beside stock xl: adoption, drift, names, a soft reset, and memory populated on demand.
///
/// # Errors
/// When a machine does not come to the end.
pub fn beside(lab: &Lab, choice: &Choice, binaries: &Binaries, progress: &Progress) -> Result<Checks> {
    Ok(boot(lab, choice, binaries, ("beside", "ours", BESIDE), progress)?.checks)
}

/// Our store's worker is killed and replaced under the same two.
///
/// # Errors
/// When a machine does not come to the end.
pub fn killed(lab: &Lab, choice: &Choice, binaries: &Binaries, progress: &Progress) -> Result<Checks> {
    Ok(boot(lab, choice, binaries, ("kill", "ours", &format!("{WITNESS}{KILL}")), progress)?.checks)
}

/// One boot's end.
struct Ended {
    checks: Checks,
    out: PathBuf,
}

/// Boots and runs a script: its name, the store it begins with, itself.
fn boot(lab: &Lab, choice: &Choice, binaries: &Binaries, (name, store, script): (&str, &str, &str), progress: &Progress) -> Result<Ended> {
    let title = format!("{}-{name}", workspace::file_name(&choice.name()));
    let mut job = Job::new(workspace::lab_log(&title)?);
    job.stock_tools = true;
    job.files = binaries.files();
    job.script = Some(format!("STORE={store}\nRELEASE={}\n{HOST}{script}", choice.name()));
    let out = job.log.with_extension("out");
    job.files_back = Some(out.clone());
    job.timeout = Duration::from_secs(1500);
    let (mut checks, mut last) = (Checks::default(), String::new());
    let outcome = lab.run(choice, &job, |line| {
        if let Line::Report(text) = line {
            progress.note(format!("{title} | {text}"));
            if let Some(step) = text.strip_prefix(STEP) {
                checks.hear(step, &title);
                step.split(' ').next().unwrap_or_default().clone_into(&mut last);
            }
        }
    })?;
    if outcome.status != 0 || last != END {
        checks.failed.push(format!("{title}: ended after step {last} with status {}; see {}", outcome.status, job.log.display()));
    }
    Ok(Ended { checks, out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_failed_is_told_from_one_that_did_not() {
        let mut checks = Checks::default();
        for step in ["create status=0 seconds=1", "save status=1 seconds=0", "restore status=137 seconds=90"] {
            checks.hear(step, "4.20");
        }
        let failed = ["4.20: save status=1 seconds=0", "4.20: restore status=137 seconds=90"].map(str::to_owned).into();
        assert_eq!(checks, Checks { passed: 1, failed });
    }
}
