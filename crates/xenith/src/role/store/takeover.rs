//! Started by another xenstored in its own process, with `-U`: the store goes on where that one left off.
//!
//! ```text
//!   C xenstored --live-update--> exec FILE [its own words, or those of -c] -U
//!     dump read -> loaded -> descriptors taken -> ring nodes opened -> socket claimed -> VIRQ bound -> serving; the dump is removed
//!        |            |             |                   |                  |               |
//!        \------------+-------------+-------------------+------------------+---------------+--> exec FALLBACK on the same dump, untouched
//! ```

mod words;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use xen_abi::hypercall::evtchn::PortStatus;
use xen_abi::{DomId, Port};
use xen_hv::{EventChannels, Negotiated, Xen};
use xen_store::server::{ConnId, Loaded, Server};
use xen_store::stream::Peer;
use xen_sys::Evtchn;
use xenith_store::standalone::{FileChannels, FileDomains};
use xenith_store::{
    Claims, Config, DomainStates, Host, Inheritance, InheritedRing, NotTaken, StoreError, Told, claim_inherited, serve_inherited,
};

use super::{IMAGE, PAGES, launch, standalone};
pub use words::Words;

use crate::role::{lock, xen};
use crate::{logging, signals};

/// Where C xenstored leaves its dump unless `$XENSTORED_RUNDIR` says otherwise.
const RUN_DIRECTORY: &str = "/var/run/xenstored";
/// Where the role's lock is.
const RUN_DIR: &str = "/run/xenith";
/// Where it says what it does, if the program before us was a daemon.
const LOG: &str = "/var/log/xen/xenith-store.log";
const DUMP: &str = "state_dump";
/// The same of oxenstored.
const OCAML_DUMP: &str = "db";

/// Goes on where the program before us left off, until we are asked to end.
pub fn run(words: &Words) -> ExitCode {
    if words.only_asks {
        return ExitCode::SUCCESS;
    }
    if words.standalone.is_none() {
        say_somewhere(Path::new(LOG));
    }
    logging::begin("store", LevelFilter::INFO);
    let directory = std::env::var_os("XENSTORED_RUNDIR").map_or_else(|| PathBuf::from(RUN_DIRECTORY), PathBuf::from);
    let dump = directory.join(if words.ocaml { OCAML_DUMP } else { DUMP });
    let reason = take(words, &dump).and_then(|taken| serve_taken(words, taken));
    let reason = match reason {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(error)) => error.to_string(),
        Err(reason) => {
            tracing::error!("store: cannot take over: {reason}");
            fall_back(words)
        }
    };
    tracing::error!("store: {reason}");
    ExitCode::FAILURE
}

/// Serves until we are asked to end. An error says that nothing came of it, and everything is as it was.
fn serve_taken(words: &Words, taken: Taken) -> Result<Result<(), StoreError>, String> {
    // So that `xenith all` finds a store that runs and lets it.
    let lock = words.standalone.is_none().then(|| lock::take(Path::new(RUN_DIR), "store"));
    if let Some(Err(problem)) = &lock {
        tracing::warn!("store: {}; it serves all the same", problem.title);
    }
    let Taken { config, inheritance, host, told } = taken;
    let told = Told { end: told.end.as_fd(), update: told.update.as_fd() };
    let launch = launch::workers(words.standalone.clone(), LevelFilter::INFO);
    serve_inherited(config, inheritance, host, launch, told).map_err(|NotTaken(error)| error.to_string())
}

/// A daemon's standard error leads nowhere: then the log goes to a file.
fn say_somewhere(log: &Path) {
    let nowhere = |fd: BorrowedFd<'_>| rustix::fs::fstat(fd).is_ok_and(|stat| stat.st_rdev == rustix::fs::makedev(1, 3));
    if !nowhere(rustix::stdio::stderr()) {
        return;
    }
    let open = || {
        std::fs::create_dir_all(log.parent()?).ok()?;
        OpenOptions::new().append(true).create(true).mode(0o640).open(log).ok()
    };
    // Without a log the store serves all the same.
    if let Some(file) = open() {
        let _ = rustix::stdio::dup2_stderr(file);
    }
}

/// Gives everything back to the daemon that we came from; gives why that failed.
fn fall_back(words: &Words) -> String {
    match &words.fallback {
        None => "nobody to go back to (--fallback); the dump is left as it is".to_owned(),
        Some(path) => {
            tracing::warn!("store: going back to {}", path.display());
            let error = Command::new(path).args(words.beginning()).args(&words.stock).args((!words.ocaml).then_some("-U")).exec();
            format!("cannot start {}: {error}", path.display())
        }
    }
}

/// What a take-over begins with.
struct Taken {
    config: Config,
    inheritance: Inheritance,
    host: Host,
    told: signals::Told,
}

/// Takes everything, or changes nothing.
fn take(words: &Words, dump: &Path) -> Result<Taken, String> {
    let stream = std::fs::read(dump).map_err(|error| format!("{}: {error}", dump.display()))?;
    let mut loaded = Server::load(words.quota(), &stream).map_err(|error| error.to_string())?;
    if words.ocaml {
        loaded.server.came_by_live_update();
    }
    let told = signals::end_or_update().map_err(|problem| problem.title)?;
    let inherited = Descriptors::take(&loaded)?;
    // Whatever fails from here on must leave them open: the daemon that we go back to finds them by their numbers.
    let opened =
        claim_inherited(&inherited.listener).map_err(|error| error.to_string()).and_then(|claim| match host(words, &loaded, &inherited) {
            Ok(host) => Ok((claim, host)),
            Err(reason) => {
                // Its end would remove the socket that the daemon we go back to serves.
                std::mem::forget(claim);
                Err(reason)
            }
        });
    let (claim, host) = match opened {
        Ok(opened) => opened,
        Err(reason) => {
            inherited.give_back();
            return Err(reason);
        }
    };
    let Descriptors { listener, events, clients } = inherited;
    // The host has a copy.
    std::mem::forget(events);
    let whose: BTreeMap<i32, ConnId> = loaded.clients.iter().filter_map(|client| Some((socket_of(client.peer)?, client.conn))).collect();
    let inheritance = Inheritance {
        rings: rings(words, &loaded),
        server: loaded.server,
        listener,
        clients: clients.into_iter().filter_map(|fd| Some((*whose.get(&fd.as_raw_fd())?, fd))).collect(),
        claim,
        dump: dump.to_owned(),
        virq_is_new: loaded.virq.is_none(),
    };
    let config = config(words, inheritance.claim.socket());
    Ok(Taken { config, inheritance, host, told })
}

fn config(words: &Words, socket: &Path) -> Config {
    let words_of_successor = words.of_successor();
    match &words.standalone {
        Some(directory) => Config { socket: socket.to_owned(), words: words_of_successor, ..standalone::config(directory) },
        None => Config { socket: socket.to_owned(), image: Path::new(RUN_DIR).join(IMAGE), pid_file: None, words: words_of_successor },
    }
}

fn socket_of(peer: Peer) -> Option<i32> {
    if let Peer::Socket { fd } = peer { Some(fd) } else { None }
}

fn rings(words: &Words, loaded: &Loaded) -> Vec<InheritedRing> {
    let xen = words.standalone.is_none().then(|| xen::open("store").ok()).flatten().and_then(|opened| match opened.negotiated {
        Negotiated::Full(release) => Some(Xen::new(opened.privcmd, release)),
        Negotiated::StableOnly(_) => None,
    });
    let rings = loaded.clients.iter().filter_map(|client| match client.peer {
        Peer::Ring { port, .. } => Some((client.conn, port)),
        Peer::Socket { .. } => None,
    });
    rings.map(|(conn, local)| InheritedRing { conn, local, remote: xen.as_ref().map_or(Port(0), |xen| other_end(xen, local)) }).collect()
}

/// The domain's port, which no dump says: whoever comes after our end binds to it.
fn other_end(xen: &Xen, local: Port) -> Port {
    match xen.port_status(DomId::SELF, local) {
        Ok(PortStatus::Interdomain(_, remote)) => remote,
        // Its domain is dead.
        Ok(_) => Port(0),
        Err(error) => {
            tracing::warn!("store: {local}: cannot learn where it leads: {error}");
            Port(0)
        }
    }
}

fn host(words: &Words, loaded: &Loaded, inherited: &Descriptors) -> Result<Host, String> {
    let events = inherited.events.try_clone().map_err(|error| format!("event channels: {error}"))?;
    let (events, domains): (Arc<dyn EventChannels>, Box<dyn DomainStates>) = match &words.standalone {
        Some(directory) => {
            let channels = FileChannels::adopt(directory, events).map_err(|error| error.to_string())?;
            (Arc::new(channels), Box::new(FileDomains::new(directory)))
        }
        None => {
            let opened = xen::open("store").map_err(|problem| problem.title)?;
            (Arc::new(Evtchn::adopt(events).map_err(|error| error.to_string())?), super::domain_states(opened))
        }
    };
    // oxenstored leaves it bound.
    let virq = loaded.virq.map_or_else(|| Claims::virq(&*events), Ok).map_err(|error| error.to_string())?;
    Ok(Host { events, claims: Claims { virq, dom0: None }, domains, pages: PAGES })
}

/// What was left open for us.
struct Descriptors {
    listener: OwnedFd,
    events: OwnedFd,
    clients: Vec<OwnedFd>,
}

impl Descriptors {
    fn take(loaded: &Loaded) -> Result<Descriptors, String> {
        let listener = loaded.descriptors.socket_fd.ok_or("the dump names no listening socket")?;
        let events = loaded.descriptors.evtchn_fd.ok_or("the dump names no event channels")?;
        let sockets = loaded.clients.iter().filter_map(|client| match client.peer {
            Peer::Socket { fd } => Some(fd),
            Peer::Ring { .. } => None,
        });
        let numbers: Vec<i32> = [listener, events].into_iter().chain(sockets).collect();
        let mut taken = xen_sys::inherit(&numbers).map_err(|error| error.to_string())?.into_iter();
        let missing = "descriptors are missing";
        let (listener, events) = (taken.next().ok_or(missing)?, taken.next().ok_or(missing)?);
        Ok(Descriptors { listener, events, clients: taken.collect() })
    }

    /// As they were, for whoever is started next: they stay open.
    fn give_back(self) {
        for descriptor in [self.listener, self.events].into_iter().chain(self.clients) {
            let _ = rustix::io::ioctl_fionbio(&descriptor, false);
            std::mem::forget(descriptor);
        }
    }
}
