//! `cargo xtask lab`: real Xen in QEMU, by hand: a shell in dom0, or a story by name.

use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use lab::machine::{Line, Mode};
use lab::{Choice, Job, Lab, Progress};

use crate::stories::{self, Verdict};
use crate::{dist, workspace};

/// What to do in the lab.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Give a shell in dom0 on this terminal; leave it with `exit`. Without a terminal, run what standard input says.
    Shell(Machine),
    /// Tell stories in dom0, each hypervisor booted once, with the same binary on each.
    Run {
        /// Stories by name; all without one.
        stories: Vec<String>,
        /// Releases (4.14, 4.17, 4.20) or files of hypervisor images.
        #[arg(long, value_delimiter = ',', default_values = ["4.14", "4.17", "4.20"], value_name = "RELEASE|PATH")]
        xen: Vec<String>,
    },
    /// Run a shell script in dom0 and return its status.
    Script {
        /// The script's file.
        file: PathBuf,
        /// Where the files that the script leaves in /lab/out go.
        #[arg(long, value_name = "DIRECTORY")]
        out: Option<PathBuf>,
        #[command(flatten)]
        machine: Machine,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Clock {
    Fast,
    Steady,
    Deterministic,
}

#[derive(clap::Args)]
struct Machine {
    /// A release (4.14, 4.17, 4.20) or the file of any hypervisor image.
    #[arg(long, default_value = "4.17", value_name = "RELEASE|PATH")]
    xen: String,
    /// Build xenith and add it.
    #[arg(long)]
    xenith: bool,
    /// Add the release's stock tools; `/lab/stock-start` starts their daemons.
    #[arg(long)]
    stock: bool,
    /// Add a file of this host: PATH-IN-DOM0=PATH-HERE.
    #[arg(long, value_name = "THERE=HERE")]
    add: Vec<String>,
    /// How the machine keeps time: fast, steady (a busy host changes nothing but how long it takes) or deterministic (one
    /// processor, figures repeat). Without a word, fast on a terminal and steady elsewhere.
    #[arg(long, value_enum, value_name = "CLOCK")]
    mode: Option<Clock>,
    /// Words added to Xen's command line.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    xen_cmdline: String,
    /// How long one machine may run, in seconds.
    #[arg(long, default_value_t = 1800)]
    timeout_s: u64,
}

/// Does what was asked in the lab.
pub fn run(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let lab = Lab::open(&progress)?;
    match &arguments.action {
        Action::Shell(machine) => shell(&lab, machine, &progress),
        Action::Run { stories, xen } => run_stories(&lab, stories, xen, &progress),
        Action::Script { file, out, machine } => {
            let script = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
            let job = Job { script: Some(script), files_back: out.clone(), ..machine.job(&progress)? };
            run_script(&lab, &Choice::parse(&machine.xen)?, &job, &progress)
        }
    }
}

fn shell(lab: &Lab, machine: &Machine, progress: &Progress) -> Result<()> {
    let (choice, job) = (Choice::parse(&machine.xen)?, machine.job(progress)?);
    if stdin().is_terminal() {
        return lab.shell(&choice, &job, |_| progress.done());
    }
    let script = std::io::read_to_string(stdin()).context("read standard input")?;
    run_script(lab, &choice, &Job { script: Some(script), ..job }, progress)
}

fn run_stories(lab: &Lab, names: &[String], xen: &[String], progress: &Progress) -> Result<()> {
    let choices = xen.iter().map(|name| Choice::parse(name)).collect::<Result<Vec<_>>>()?;
    let binaries = progress.suspend(stories::build)?;
    let mut failed = 0;
    for choice in choices {
        let told = stories::tell(lab, &choice, names, &binaries, progress)?;
        failed += told.iter().filter(|story| story.verdict == Verdict::Failed).count();
    }
    ensure!(failed == 0, "{failed} stories failed");
    Ok(())
}

impl Machine {
    fn job(&self, progress: &Progress) -> Result<Job> {
        let mut job = Job::new(workspace::lab_log(&self.xen)?);
        job.stock_tools = self.stock;
        job.mode = match self.mode {
            Some(Clock::Fast) => Mode::Fast,
            Some(Clock::Deterministic) => Mode::Deterministic,
            None if stdin().is_terminal() => Mode::Fast,
            Some(Clock::Steady) | None => Mode::Steady,
        };
        job.xen_arguments.clone_from(&self.xen_cmdline);
        job.timeout = std::time::Duration::from_secs(self.timeout_s);
        if self.xenith {
            job.files.push(("usr/bin/xenith".to_owned(), progress.suspend(|| dist::binary("xenith"))?.path, 0o755));
        }
        for pair in &self.add {
            let (there, here) = pair.split_once('=').with_context(|| format!("--add {pair}: write THERE=HERE"))?;
            job.files.push((there.to_owned(), PathBuf::from(here), 0o755));
        }
        Ok(job)
    }
}

fn run_script(lab: &Lab, choice: &Choice, job: &Job, progress: &Progress) -> Result<()> {
    let outcome = lab.run(choice, job, |line| {
        if let Line::Report(text) = line {
            progress.note(text);
        }
    })?;
    progress.note(format!(
        "Xen {} ({}): status {}, dom0 up after {:.1} s, {:.1} s in all, log {}",
        choice.name(),
        outcome.xen_version,
        outcome.status,
        outcome.boot.as_secs_f64(),
        outcome.total.as_secs_f64(),
        job.log.display()
    ));
    ensure!(outcome.status == 0, "the script ended with status {}", outcome.status);
    Ok(())
}
