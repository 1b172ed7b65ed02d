//! Handing over to another program in this process, with every client connected: `xenstore-control live-update` to us.
//!
//! ```text
//!   asked -> new transactions wait -> none is open, or -F and the time is up -> what the target can load is checked -> dump written
//!              |                        the time is up: refused, by whom named    |  refused, nothing was given up
//!              \-- aborted                                                        v
//!                                            VIRQ given up, descriptors stay open -> exec -> (the target goes on, same pid)
//!                                                                                     \-- fails: everything is taken back
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::io::FdFlags;
use xen_store::quota::Quota;
use xen_store::server::{LiveUpdateRequest, Server};

use super::Loop;

/// The file by which one xenstored tells the next.
const DUMP: &str = "state_dump";
/// How often it is looked whether transactions have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Loop<'_> {
    /// When to look at a hand-over again.
    pub(super) fn handover_deadline(&self) -> Option<Duration> {
        self.store.live_update().map(|_| self.started.elapsed() + LOOK_AGAIN)
    }

    /// Goes on with a hand-over that was asked for. Comes back only where it does not come about, or not yet.
    pub(super) fn hand_over(&mut self) {
        let Some(request) = self.store.live_update().cloned() else {
            self.handover_since = None;
            return;
        };
        let now = self.started.elapsed();
        let since = *self.handover_since.get_or_insert(now);
        if let Err(reason) = check_target(&request) {
            return self.refuse(&reason);
        }
        self.store.hold_transactions();
        let open = self.store.server().open_transactions();
        let time_is_up = now >= since + request.timeout;
        match (open.is_empty(), time_is_up) {
            (false, false) => {}
            (false, true) if !request.force => self.refuse(&who_holds(&open)),
            _ => {
                let reason = self.exec(&request);
                self.refuse(&reason);
            }
        }
    }

    fn refuse(&mut self, reason: &str) {
        self.handover_since = None;
        self.store.refuse_live_update(reason);
        self.store.work();
        self.clients.settle(&mut self.store);
    }

    /// Becomes the other program; gives why not.
    fn exec(&mut self, request: &LiveUpdateRequest) -> String {
        let path = self.run_directory.join(DUMP);
        if let Err(reason) = self.write_dump(&path) {
            return reason;
        }
        self.store.release_virq();
        self.share_descriptors(true);
        tracing::info!("store: handing over to {}", request.file);
        let error = Command::new(&request.file).args(self.words_for(request)).env("XENSTORED_RUNDIR", &self.run_directory).exec();
        self.share_descriptors(false);
        self.store.take_virq_back();
        let _ = fs::remove_file(&path);
        format!("cannot start {}: {error}", request.file)
    }

    fn write_dump(&self, path: &Path) -> Result<(), String> {
        let sockets: BTreeMap<_, _> = self.clients.descriptors().map(|(conn, fd)| (conn, fd.as_raw_fd())).collect();
        let dump = self.store.dump(Some(self.listener.as_raw_fd()), sockets).map_err(|error| error.to_string())?;
        Server::load(Quota::default(), &dump).map_err(|error| format!("our own dump cannot be loaded: {error}"))?;
        let _ = fs::remove_file(path);
        let write = || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&dump);
        write().map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Lets the next program have the descriptors, blocking as C xenstored makes them; or takes them back.
    fn share_descriptors(&self, share: bool) {
        let flags = if share { FdFlags::empty() } else { FdFlags::CLOEXEC };
        let events = self.store.seams().map(|seams| seams.events.clone());
        let events = events.as_ref().map(|events| events.ready());
        let clients = self.clients.descriptors().map(|(_, fd)| fd);
        for descriptor in clients.chain([self.listener]).chain(events) {
            if let Err(error) = set(descriptor, flags, !share) {
                tracing::warn!("store: descriptor {}: {error}", descriptor.as_raw_fd());
            }
        }
    }

    /// What the asker said, or else what we were told by whom we took over from; and that there is a dump.
    fn words_for(&self, request: &LiveUpdateRequest) -> Vec<String> {
        let said = request.arguments.as_ref().map(|line| line.split_whitespace().map(str::to_owned).collect());
        let mut words: Vec<String> = said.unwrap_or_else(|| self.words.clone());
        if !words.iter().any(|word| word == "-U") {
            words.push("-U".to_owned());
        }
        words
    }
}

fn set(descriptor: BorrowedFd<'_>, flags: FdFlags, nonblocking: bool) -> rustix::io::Result<()> {
    rustix::io::fcntl_setfd(descriptor.as_fd(), flags)?;
    rustix::io::ioctl_fionbio(descriptor, nonblocking)
}

/// Whether the target can be started and reads what we write.
fn check_target(request: &LiveUpdateRequest) -> Result<(), String> {
    let file = Path::new(&request.file);
    let metadata = fs::metadata(file).map_err(|error| format!("{}: {error}", request.file))?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(format!("{} is no program", request.file));
    }
    let real = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let ocaml = [file, &real].iter().any(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains("oxenstored")));
    if ocaml {
        return Err("oxenstored does not read the stream of the C daemon: it must be started anew, with a reboot".to_owned());
    }
    match request.version {
        None | Some(1) => Ok(()),
        Some(other) => Err(format!("version {other} of the stream was asked for; version 1 is what every xenstored reads")),
    }
}

fn who_holds(open: &[(String, usize)]) -> String {
    let who: Vec<String> = open.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    format!("transactions are open, and the time is up: {}", who.join(", "))
}
