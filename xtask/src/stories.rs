//! Stories in the lab: one boot for each hypervisor, all stories in it, with the shipped binary as dom0's only toolstack.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use lab::machine::{Line, MARK};
use lab::{Choice, Job, Lab, Progress};

use crate::dist::{self, Built};
use crate::workspace;

/// What every line about a story begins with, on the simulator as well.
pub const STORY: &str = "scenario ";

/// How one story ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It went as told.
    Ok,
    /// It did not.
    Failed,
    /// It does not apply there.
    Skipped,
}

/// One story's end, as the `scenarios` binary says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The story.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// Why, where it did not end well.
    pub reason: String,
}

/// The two static files of a run.
pub struct Binaries {
    /// The product.
    pub xenith: Built,
    /// The stories.
    pub scenarios: Built,
}

/// Builds both.
///
/// # Errors
/// When one does not build.
pub fn build() -> Result<Binaries> {
    Ok(Binaries { xenith: dist::binary("xenith")?, scenarios: dist::binary("scenarios")? })
}

impl Binaries {
    /// Where dom0 has them.
    pub fn files(&self) -> Vec<(String, PathBuf, u32)> {
        let place = |name: &str, built: &Built| (format!("usr/bin/{name}"), built.path.clone(), 0o755);
        vec![place("xenith", &self.xenith), place("scenarios", &self.scenarios)]
    }
}

/// Boots once and tells the named stories, or all of them.
///
/// # Errors
/// When the machine does not come to the end, or not one story was told.
pub fn tell(lab: &Lab, choice: &Choice, names: &[String], binaries: &Binaries, progress: &Progress) -> Result<Vec<Told>> {
    let mut job = Job::new(workspace::lab_log(&choice.name())?);
    job.files = binaries.files();
    job.script = Some(format!("scenarios lab {}\n", names.join(" ")));
    job.files_back = Some(job.log.with_extension("out"));
    job.timeout = Duration::from_secs(2700);
    progress.note(format!("Xen {}: xenith sha256 {}", choice.name(), binaries.xenith.sha256));
    let mut told = Vec::new();
    let outcome = lab.run(choice, &job, |line| {
        if let Line::Report(text) = line {
            progress.note(format!("{} | {text}", workspace::file_name(&choice.name())));
            told.extend(read(text));
        }
    })?;
    progress.note(format!("Xen {} ({}): told in {:.0} s", choice.name(), outcome.xen_version, outcome.total.as_secs_f64()));
    let failed = told.iter().any(|story| story.verdict == Verdict::Failed);
    if told.is_empty() || (outcome.status != 0 && !failed) {
        bail!("Xen {}: the stories ended with status {} after {}; see {}", choice.name(), outcome.status, told.len(), job.log.display());
    }
    Ok(told)
}

/// `XENITH-LAB: scenario NAME ok|failed|skipped REASON`.
pub fn read(line: &str) -> Option<Told> {
    let mut words = line.strip_prefix(MARK)?.strip_prefix(STORY)?.splitn(3, ' ');
    let name = words.next()?.to_owned();
    let verdict = match words.next()? {
        "ok" => Verdict::Ok,
        "failed" => Verdict::Failed,
        "skipped" => Verdict::Skipped,
        _ => return None,
    };
    Some(Told { name, verdict, reason: words.next().unwrap_or_default().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_about_stories_are_told_from_others() {
        let told = |name: &str, verdict, reason: &str| Some(Told { name: name.to_owned(), verdict, reason: reason.to_owned() });
        for (line, expected) in [
            ("XENITH-LAB: scenario boot_pvh ok", told("boot_pvh", Verdict::Ok, "")),
            ("XENITH-LAB: scenario cycles failed 3 pages left; d5", told("cycles", Verdict::Failed, "3 pages left; d5")),
            ("XENITH-LAB: scenario big skipped no memory", told("big", Verdict::Skipped, "no memory")),
            ("XENITH-LAB: scenario boot_pvh perhaps", None),
            ("XENITH-LAB: exit 0", None),
            ("scenario boot_pvh ok", None),
        ] {
            assert_eq!(read(line), expected, "{line}");
        }
    }
}
