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
use xen_store::server::{ConnId, Loaded, Server};
use xen_store::stream::Peer;
use xen_sys::{Evtchn, Gntdev, XenfsStoreRing};
use xenith_store::standalone::{FileChannels, seams as file_seams};
use xenith_store::{Claim, Inheritance, Seams, Store, claim_inherited, serve_inherited};

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
    let reason = match take(words, &directory.join(if words.ocaml { OCAML_DUMP } else { DUMP })) {
        Ok((inheritance, end)) => {
            // So that `xenith all` finds a store that runs and lets it.
            let lock = words.standalone.is_none().then(|| lock::take(Path::new(RUN_DIR), "store"));
            if let Some(Err(problem)) = &lock {
                tracing::warn!("store: {}; it serves all the same", problem.title);
            }
            match serve_inherited(inheritance, end.as_fd()) {
                Ok(()) => return ExitCode::SUCCESS,
                Err(error) => error.to_string(),
            }
        }
        Err(reason) => {
            tracing::error!("store: cannot take over: {reason}");
            fall_back(words)
        }
    };
    tracing::error!("store: {reason}");
    ExitCode::FAILURE
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

/// Takes everything, or changes nothing.
fn take(words: &Words, dump: &Path) -> Result<(Inheritance, OwnedFd), String> {
    let stream = std::fs::read(dump).map_err(|error| format!("{}: {error}", dump.display()))?;
    let mut loaded = Server::load(words.quota(), &stream).map_err(|error| error.to_string())?;
    if words.ocaml {
        loaded.server.came_by_live_update();
    }
    let inherited = Descriptors::take(&loaded)?;
    // Whatever fails from here on must leave them open: the daemon that we go back to finds them by their numbers.
    match take_with(words, loaded, &inherited) {
        Ok((store, sockets, claim, end)) => {
            let Descriptors { listener, clients, .. } = inherited;
            let whose: BTreeMap<i32, ConnId> = sockets.into_iter().map(|(conn, number)| (number, conn)).collect();
            let clients = clients.into_iter().filter_map(|fd| Some((*whose.get(&fd.as_raw_fd())?, fd))).collect();
            Ok((Inheritance { store, listener, clients, claim, dump: dump.to_owned(), words: words.of_successor() }, end))
        }
        Err(reason) => {
            inherited.give_back();
            Err(reason)
        }
    }
}

type Taken = (Store, Vec<(ConnId, i32)>, Claim, OwnedFd);

fn take_with(words: &Words, loaded: Loaded, inherited: &Descriptors) -> Result<Taken, String> {
    let events = inherited.events.try_clone().map_err(|error| format!("event channels: {error}"))?;
    let seams = match &words.standalone {
        Some(directory) => {
            let channels = FileChannels::adopt(directory, events).map_err(|error| error.to_string())?;
            file_seams(directory, channels, |file, length| xen_sys::map_file(file, 0, length))
        }
        None => seams(events)?,
    };
    let claim = claim_inherited(&inherited.listener).map_err(|error| error.to_string())?;
    let end = signals::end_of_role().map_err(|problem| problem.title)?;
    let (store, sockets) = match Store::adopt(seams, loaded) {
        Ok(adopted) => adopted,
        Err(error) => {
            // Its end would remove the socket that the daemon we go back to serves.
            std::mem::forget(claim);
            return Err(error.to_string());
        }
    };
    Ok((store, sockets, claim, end))
}

fn seams(events: OwnedFd) -> Result<Seams, String> {
    let opened = xen::open("store").map_err(|problem| problem.title)?;
    Ok(Seams {
        events: Arc::new(Evtchn::adopt(events).map_err(|error| error.to_string())?),
        grants: Arc::new(Gntdev::open().map_err(|error| error.to_string())?),
        foreign: None,
        dom0: Some(Arc::new(XenfsStoreRing::at(Path::new("/proc/xen")))),
        domains: super::domain_states(opened),
    })
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
