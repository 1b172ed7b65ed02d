//! `xenith create`.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use xenith_api::latest::{CreateRequest, CreateResponse, Problem};

use super::list::state;
use super::{console, file};
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

impl Create {
    /// Reads the file, asks the daemon, and shows the console where that is wanted.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let config = file::read(&self.file)?;
        let request = CreateRequest { config: config.config.clone(), paused: self.paused, dry_run: self.dry_run };
        let client = context.patient_client(PATIENCE);
        let answer = with_progress(context, &config.config.name, || client.create(&request));
        let answer = answer.map_err(|problem| file::located(problem, &config, &self.file))?;
        context.answer(&answer, text)?;
        match answer.domain {
            // By number: the name may be somebody else's by now.
            Some(domain) if self.console => console::attach(context, &domain.domid.to_string()),
            _ => Ok(()),
        }
    }
}

/// The domain, or its plan.
pub(super) fn text(answer: &CreateResponse) -> String {
    match &answer.domain {
        Some(domain) => format!("{}: domain {}, {}\n", domain.name, domain.domid, state(domain.state)),
        None => answer.plan.iter().map(|step| format!("{}\n    undo: {}\n", step.text, step.undo)).collect(),
    }
}

/// Tells a person who waits that something goes on, from the first second on.
pub(super) fn with_progress<T: Send>(context: &Context, name: &str, work: impl FnOnce() -> T + Send) -> T {
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
    use xenith_api::latest::Step;

    #[test]
    fn a_plan_as_text() {
        let step = |text: &str, undo: &str| Step { text: text.to_owned(), undo: undo.to_owned(), duration_us: None };
        let answer = CreateResponse { domain: None, plan: vec![step("create domain", "destroy it"), step("unpause", "pause")], cost: None };
        assert_eq!(text(&answer), "create domain\n    undo: destroy it\nunpause\n    undo: pause\n");
    }
}
