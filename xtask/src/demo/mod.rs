//! `cargo xtask demo`: the newcomer's first minute. From nothing to a domain's console on real Xen.

use std::io::{IsTerminal, stdin};

use anyhow::{Context, Result, ensure};
use comfy_table::Table;
use lab::machine::{Line, MARK, Mode};
use lab::{Choice, Job, Lab, Progress};

use crate::{dist, workspace};

const SCRIPT: &str = include_str!("dom0.sh");
const SESSION: &str = include_str!("session.sh");
const DOMAIN: &str = include_str!("domain.toml");

/// Which Xen to show.
#[derive(clap::Args)]
pub struct Arguments {
    /// A release (4.14, 4.17, 4.20) or the file of any hypervisor image.
    #[arg(long, default_value = "4.17", value_name = "RELEASE|PATH")]
    xen: String,
    /// End after showing the console, also on a terminal.
    #[arg(long)]
    no_terminal: bool,
}

/// What the closing table tells.
#[derive(Default)]
struct Shown {
    name: String,
    xen: String,
    first_ms: String,
    again_ms: String,
    console: bool,
}

/// Builds, boots, creates and shows.
pub fn run(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let choice = Choice::parse(&arguments.xen)?;
    let lab = Lab::open(&progress)?;
    let built = progress.suspend(|| dist::binary("xenith"))?;
    let domain = workspace::find()?.target.join("lab/demo.toml");
    let mut job = Job::new(workspace::lab_log("demo")?);
    std::fs::write(&domain, DOMAIN).with_context(|| format!("write {}", domain.display()))?;
    job.files = vec![("usr/bin/xenith".to_owned(), built.path, 0o755), ("lab/demo.toml".to_owned(), domain, 0o644)];
    job.script = Some(SCRIPT.to_owned());
    job.session = SESSION.to_owned();
    let mut shown = Shown { name: choice.name(), ..Shown::default() };
    if stdin().is_terminal() && !arguments.no_terminal {
        job.mode = Mode::Fast;
        lab.shell(&choice, &job, |line| hear(line, &mut shown, &progress))?;
    } else {
        let outcome = lab.run(&choice, &job, |line| hear(line, &mut shown, &progress))?;
        ensure!(outcome.status == 0, "the demo failed in dom0; all it said is in {}", job.log.display());
    }
    Ok(())
}

fn hear(line: &Line, shown: &mut Shown, progress: &Progress) {
    let Line::Report(text) = line else { return };
    let words: Vec<&str> = text.strip_prefix(MARK).unwrap_or_default().split_whitespace().collect();
    match words.as_slice() {
        ["boot", _, version] => {
            shown.xen = (*version).to_owned();
            progress.step(format!("Xen {version} is up; starting xenith in dom0"));
        }
        ["created", "first", ms] => shown.first_ms = (*ms).to_owned(),
        ["created", _, ms] => {
            shown.again_ms = (*ms).to_owned();
            progress.step("the domain boots");
        }
        ["console"] => shown.console = true,
        ["shown"] => {
            progress.done();
            println!("{}", closing(shown));
        }
        ["failed", ..] => progress.note(text.trim_start_matches(MARK)),
        [] => progress.note(if shown.console { format!("  | {text}") } else { text.clone() }),
        _ => {}
    }
}

fn closing(shown: &Shown) -> Table {
    let mut table = Table::new();
    table.add_row(["Xen", &shown.xen]);
    table.add_row(["create, kernel not seen before", &format!("{} ms of emulated time", shown.first_ms)]);
    table.add_row(["create again", &format!("{} ms of emulated time", shown.again_ms)]);
    table.add_row(["a shell in dom0", &format!("cargo xtask lab shell --xen {} --xenith", shown.name)]);
    table.add_row(["the same on another Xen", "cargo xtask demo --xen 4.20"]);
    table.add_row(["everything that is tested", "cargo xtask test"]);
    table
}
