//! `cargo xtask lab`: real Xen in QEMU, by hand: a shell in dom0, or a story by name.

use std::io::{IsTerminal, stdin};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Subcommand;
use lab::machine::{Line, Mode};
use lab::{Choice, Job, Lab, Progress};

use crate::workspace;

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

#[derive(clap::Args)]
struct Machine {
    /// A release (4.14, 4.17, 4.20) or the file of any hypervisor image.
    #[arg(long, default_value = "4.17", value_name = "RELEASE|PATH")]
    xen: Vec<String>,
    /// Add the release's stock tools; `/lab/stock-start` starts their daemons.
    #[arg(long)]
    stock: bool,
    /// Add a file of this host: PATH-IN-DOM0=PATH-HERE.
    #[arg(long, value_name = "THERE=HERE")]
    add: Vec<String>,
    /// One processor and a clock that counts instructions, so that figures repeat.
    #[arg(long)]
    deterministic: bool,
    /// Words added to Xen's command line.
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    xen_cmdline: String,
    /// How long one machine may run, in seconds.
    #[arg(long, default_value_t = 600)]
    timeout_s: u64,
}

/// Does what was asked in the lab.
pub fn run(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let lab = Lab::open(&progress)?;
    match &arguments.action {
        Action::Shell(machine) => {
            let name = machine.xen.first().context("--xen names nothing")?;
            let (choice, job) = (Choice::parse(name)?, machine.job(name)?);
            if stdin().is_terminal() {
                return lab.shell(&choice, &job);
            }
            let script = std::io::read_to_string(stdin()).context("read standard input")?;
            run_script(&lab, &choice, &Job { script: Some(script), ..job }, &progress)
        }
        Action::Script { file, out, machine } => {
            let script = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
            machine.xen.iter().try_for_each(|name| {
                let files_back = out.as_ref().map(|directory| directory.join(workspace::file_name(name)));
                let job = Job { script: Some(script.clone()), files_back, ..machine.job(name)? };
                run_script(&lab, &Choice::parse(name)?, &job, &progress)
            })
        }
    }
}

impl Machine {
    fn job(&self, name: &str) -> Result<Job> {
        let mut job = Job::new(workspace::lab_log(name)?);
        job.stock_tools = self.stock;
        job.mode = if self.deterministic { Mode::Deterministic } else { Mode::Fast };
        job.xen_arguments.clone_from(&self.xen_cmdline);
        job.timeout = std::time::Duration::from_secs(self.timeout_s);
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
    anyhow::ensure!(outcome.status == 0, "the script ended with status {}", outcome.status);
    Ok(())
}
