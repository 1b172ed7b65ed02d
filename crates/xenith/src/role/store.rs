//! `xenith store`.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use xen_hv::{Dom0StoreRing, EventChannels, Negotiated, Xen};
use xen_store::server::DomainState;
use xen_sys::{Evtchn, XenfsStoreRing};
use xenith_api::latest::{Code, Problem};
use xenith_store::{Claims, Config, DomainStates, Host, MapPages, StoreError, Told, serve};

use super::{Options, Role, xen};
use crate::context::Context;
use crate::{signals, verb};

mod launch;
mod standalone;
pub mod takeover;
mod worker;

/// Look into the store; without COMMAND, run the store role
#[derive(Debug, clap::Args)]
#[command(
    subcommand_value_name = "COMMAND",
    disable_help_subcommand = true,
    after_help = "Examples:\n  \
    xenith store ls                  what stands in the store; each COMMAND has its own --help\n  \
    xenith store top                 who does what with it\n  \
    xenith store                     the role: serves xenstore on /run/xenstored/socket and in every domain's ring (started by `xenith all`)\n  \
    xenith store --standalone /tmp/s     the role without Xen and without root; look into it with xenith store ls --socket /tmp/s/socket\n\n\
    A store that is killed or stopped, and started again in the same boot, goes on with what it held. SIGHUP replaces its worker by one of\n\
    the program that is installed now."
)]
pub struct Store {
    #[command(flatten)]
    options: Options,
    /// Serve without Xen: DIR/socket, and rings and event channels by files of DIR
    #[arg(long, value_name = "DIR", help_heading = "Roles")]
    standalone: Option<PathBuf>,
    /// Be the process that handles what clients say: the store starts it
    #[arg(long, hide = true)]
    worker: bool,
    #[command(subcommand)]
    word: Option<verb::store::Word>,
}

impl Store {
    /// Does what the word says; without one, serves until it is asked to end.
    pub fn run(&self, context: &Context) -> Result<ExitCode, Problem> {
        match &self.word {
            Some(word) => word.run(context),
            None => self.serve(context).map(|()| ExitCode::SUCCESS),
        }
    }

    fn serve(&self, context: &Context) -> Result<(), Problem> {
        let site = self.options.site(context);
        if self.worker {
            return worker::work(self.standalone.as_deref(), site.log_level);
        }
        if let Some(directory) = &self.standalone {
            return standalone::serve(directory, site.log_level);
        }
        let started = super::begin(Role::Store, &site)?;
        let told = signals::end_or_update()?;
        let opened = xen::open("store")?;
        let config = Config { socket: site.store_socket.clone(), image: site.run_dir.join(IMAGE), pid_file: None, words: Vec::new() };
        let told = Told { end: told.end.as_fd(), update: told.update.as_fd() };
        let end = serve(config, || host(opened), launch::workers(None, site.log_level), told).map_err(|error| problem(&error));
        drop(started);
        end
    }
}

/// The state image's name in the run directory.
const IMAGE: &str = "store.image";
/// Where xenfs is.
const XENFS: &str = "/proc/xen";
/// Maps the state image.
const PAGES: MapPages = |file, length| xen_sys::map_file(file, 0, length);

fn host(opened: xen::Opened) -> Result<Host, StoreError> {
    let events: Arc<dyn EventChannels> = Arc::new(Evtchn::open()?);
    let (_, dom0) = XenfsStoreRing::at(Path::new(XENFS)).open()?;
    let claims = Claims::make(&*events, Some(dom0))?;
    Ok(Host { events, claims, domains: domain_states(opened), pages: PAGES })
}

fn domain_states(opened: xen::Opened) -> Box<dyn DomainStates> {
    match opened.negotiated {
        Negotiated::Full(release) => Box::new(Xen::new(opened.privcmd, release)),
        // A Xen that cannot be asked: nothing is taken from a domain that may be alive.
        Negotiated::StableOnly(_) => Box::new(|_| Ok(DomainState::Alive)),
    }
}

fn problem(error: &StoreError) -> Problem {
    match error {
        StoreError::Seam(seam) => xen::unreachable("store", seam),
        other if other.is_already_running() => Problem::new(Code::StoreBusy, "role store", other.to_string(), "one host has one store"),
        other => Problem::new(Code::Internal, "role store", other.to_string(), "look with `xenith check`"),
    }
}
