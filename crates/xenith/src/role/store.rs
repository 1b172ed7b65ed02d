//! `xenith store`.

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use xen_hv::{Negotiated, Xen};
use xen_store::server::DomainState;
use xen_sys::{Evtchn, Gntdev, XenfsStoreRing};
use xenith_api::latest::{Code, Problem};
use xenith_store::{BootNodes, Config, DomainStates, Seams, StoreError, serve};

use super::{Options, Role, xen};
use crate::context::Context;
use crate::verb;

mod standalone;
pub mod takeover;

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
    In this release a store that ends loses its contents."
)]
pub struct Store {
    #[command(flatten)]
    options: Options,
    /// Serve without Xen: DIR/socket, and rings and event channels by files of DIR
    #[arg(long, value_name = "DIR", help_heading = "Roles")]
    standalone: Option<PathBuf>,
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
        if let Some(directory) = &self.standalone {
            return standalone::serve(directory, self.options.site(context).log_level);
        }
        let site = self.options.site(context);
        let started = super::begin(Role::Store, &site)?;
        let opened = xen::open("store")?;
        let config = Config { socket: site.store_socket.clone(), pid_file: None, nodes: BootNodes::default(), words: Vec::new() };
        serve(&config, || seams(opened).map(Some), started.end.as_fd()).map_err(|error| problem(&error))
    }
}

fn seams(opened: xen::Opened) -> Result<Seams, StoreError> {
    Ok(Seams {
        events: Arc::new(Evtchn::open()?),
        grants: Arc::new(Gntdev::open()?),
        // Builders seed grant 1 since Xen 4.2: the store needs no right to map whatever it likes.
        foreign: None,
        dom0: Some(Arc::new(XenfsStoreRing::at(Path::new("/proc/xen")))),
        domains: domain_states(opened),
    })
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
