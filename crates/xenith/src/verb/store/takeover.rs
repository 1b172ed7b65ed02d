//! `xenith store takeover`.

use std::path::PathBuf;

use xen_store::client::{Request, Requests};
use xenith_api::latest::{Code, Problem};

use super::place::{self, Place, Store};
use super::successor::{Change, Limits, Make, Running};
use crate::context::Context;

/// Take the place of the xenstored that runs: domains, sockets and watches go on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store takeover --dry-run      which store runs, and what would happen\n  \
    xenith store takeover                do it\n  \
    xenith store handback                go back\n\n\
    C xenstored and oxenstored 4.15 and later can be taken over. There is no way back to oxenstored but a reboot.\n\
    See docs/interfaces/takeover.md.")]
pub struct Takeover {
    #[command(flatten)]
    limits: Limits,
    /// The xenith to run [default: this one]
    #[arg(long, value_name = "PATH")]
    program: Option<PathBuf>,
    /// The daemon to go back to should loading fail [default: the one that runs]
    #[arg(long, value_name = "PATH")]
    fallback: Option<PathBuf>,
    /// The store that runs has no Xen; go on in DIR
    #[arg(long, value_name = "DIR", hide = true)]
    standalone: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Takeover {
    /// Does it, or says what would happen.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let mut store = self.limits.connect(&self.place)?;
        let running = Running::behind(&store)?;
        can_be_taken_over(&running, &mut store)?;
        let fallback = self.fallback.clone().unwrap_or_else(|| running.program.clone());
        if !fallback.is_file() {
            let title = format!("store: the program that runs is no longer at {}", fallback.display());
            return Err(Problem::new(Code::BadRequest, "store", title, "name one of the same release with --fallback, to go back to"));
        }
        // oxenstored adds to its own words, C xenstored replaces them.
        let mut words = if running.make == Make::Oxenstored { Vec::new() } else { running.words.clone() };
        words.extend(["--fallback".to_owned(), fallback.display().to_string()]);
        words.extend(self.standalone.iter().flat_map(|directory| ["--standalone".to_owned(), directory.display().to_string()]));
        let program = self.program.clone().map_or_else(std::env::current_exe, Ok).map_err(|error| {
            Problem::new(Code::Internal, "store", format!("store: cannot find this program: {error}"), "name it with --program")
        })?;
        let notes = vec![format!("should the dump not load, {} goes on with it", fallback.display())];
        Change::new(running, &program, Some(words), notes)?.carry_out(store, self.limits, context)
    }
}

fn can_be_taken_over(running: &Running, store: &mut Store) -> Result<(), Problem> {
    let refuse =
        |what: &str, advice: &str| Err(Problem::new(Code::StoreRefused, "store", format!("store: {}: {what}", running.name()), advice));
    match running.make {
        Make::Xenith => return refuse("it is ours already", "nothing is to be done"),
        // It names no live update in its help, and has it since 4.15.
        Make::Oxenstored => return Ok(()),
        Make::Unknown => return refuse("it is not known what this is", "see which service starts it"),
        Make::Xenstored => {}
    }
    let help = store.call(&Request::control(&["help"])).map_err(|error| place::problem(&error))?;
    if String::from_utf8_lossy(&help).contains("live-update") {
        return Ok(());
    }
    refuse("it has no live update (4.14 and older)", "disable it, enable xenith, and reboot: the host changes once")
}
