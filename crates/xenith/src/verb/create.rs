//! `xenith create`.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use xenith_api::file::{self, ConfigFile};
use xenith_api::latest::{Code, CreateRequest, CreateResponse, Problem};

use super::console;
use super::list::state;
use crate::context::Context;

/// Create a domain from a config file
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith create web.toml               create it and let it run\n  \
    xenith create web.toml --console     and show its console; Ctrl-] leaves it\n  \
    xenith create web.toml --dry-run     what would be done, step by step\n  \
    xenith help config                   what the file may hold")]
pub struct Create {
    /// The config, TOML
    file: PathBuf,
    /// Leave it paused before its first instruction
    #[arg(long)]
    paused: bool,
    /// Attach to its console
    #[arg(long, conflicts_with = "dry_run")]
    console: bool,
    /// Show the plan, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// A kernel that must be unpacked on a slow machine takes this long.
const PATIENCE: Duration = Duration::from_secs(600);
/// A config is text that somebody typed.
const FILE_MAX: u64 = 1 << 20;

impl Create {
    /// Reads the file, asks the daemon, and shows the console where that is wanted.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let config = read(&self.file)?;
        let request = CreateRequest { config: config.config.clone(), paused: self.paused, dry_run: self.dry_run };
        let client = context.patient_client(PATIENCE);
        let answer = with_progress(context, &config.config.name, || client.create(&request));
        let answer = answer.map_err(|problem| located(problem, &config, &self.file))?;
        context.answer(&answer, text)?;
        match answer.domain {
            // By number: the name may be somebody else's by now.
            Some(domain) if self.console => console::attach(context, &domain.domid.to_string()),
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> Result<ConfigFile, Problem> {
    let shown = path.display().to_string();
    let text = text_of(path).map_err(|error| {
        let title = format!("cannot read {shown}: {error}");
        Problem::new(Code::FileUnreadable, shown.clone(), title, "name a config file that you may read")
    })?;
    file::parse(&text).map_err(|complaints| {
        let code = if complaints.iter().any(|c| c.code == Code::ConfigSyntax) { Code::ConfigSyntax } else { Code::ConfigInvalid };
        let title = format!("{shown}: {} to correct", complaints.len());
        Problem { complaints, ..Problem::new(code, shown, title, "correct the named lines") }
    })
}

fn text_of(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = File::open(path)?.take(FILE_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(length).is_ok_and(|length| length <= FILE_MAX) { Ok(text) } else { Err(io::ErrorKind::FileTooLarge.into()) }
}

/// The daemon's complaints name keys; the file says on which line each stands.
fn located(mut problem: Problem, config: &ConfigFile, path: &Path) -> Problem {
    if !problem.complaints.is_empty() {
        config.locate(&mut problem.complaints);
        problem.subject = path.display().to_string();
    }
    problem
}

fn text(answer: &CreateResponse) -> String {
    match &answer.domain {
        Some(domain) => format!("{}: domain {}, {}\n", domain.name, domain.domid, state(domain.state)),
        None => answer.plan.iter().map(|step| format!("{}\n    undo: {}\n", step.text, step.undo)).collect(),
    }
}

/// Tells a person who waits that something goes on, from the first second on.
fn with_progress<T: Send>(context: &Context, name: &str, work: impl FnOnce() -> T + Send) -> T {
    if context.json || !io::stderr().is_terminal() {
        return work();
    }
    let (done, watch) = channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let began = Instant::now();
            let mut shown = false;
            while watch.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                shown = true;
                let _ = write!(io::stderr(), "\rcreating {name}: {} s", began.elapsed().as_secs());
            }
            if shown {
                let _ = write!(io::stderr(), "\r\x1b[K");
            }
        });
        let result = work();
        drop(done);
        result
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::{Complaint, Step};

    #[test]
    fn a_plan_as_text() {
        let step = |text: &str, undo: &str| Step { text: text.to_owned(), undo: undo.to_owned(), duration_us: None };
        let answer = CreateResponse { domain: None, plan: vec![step("create domain", "destroy it"), step("unpause", "pause")], cost: None };
        assert_eq!(text(&answer), "create domain\n    undo: destroy it\nunpause\n    undo: pause\n");
    }

    #[test]
    fn complaints_of_the_daemon_are_located() {
        let config = file::parse("name = \"web\"\nmemory = \"64MiB\"\n[boot]\nkernel = \"/vmlinuz\"\n").unwrap();
        let mut problem = Problem::new(Code::ConfigInvalid, "domain web", "t", "a");
        problem.complaints = vec![Complaint::new(Code::FileUnreadable, "boot.kernel", "is not there")];
        let problem = located(problem, &config, Path::new("web.toml"));
        assert_eq!((problem.subject.as_str(), problem.complaints[0].line), ("web.toml", Some(4)));
    }
}
