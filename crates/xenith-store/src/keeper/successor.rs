//! Handing over to another program in this process, with every client connected: `xenstore-control live-update` to us.
//!
//! ```text
//!   asked -> what the target can load is checked -> the worker freezes once no transaction is open -> dump written out of the image
//!              |  refused, nothing was given up                                                          v
//!              |                            the worker ends, VIRQ given up, descriptors stay open -> exec -> (the target goes on, same pid)
//!              |                                                                                       \-- fails: another worker goes on
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::io::FdFlags;
use xen_abi::Port;
use xen_store::quota::Quota;
use xen_store::server::{End, Outside, Server};
use xen_store::stream::Version;

use super::Keeper;
use super::hand::Hand;
use crate::claims::Claims;
use crate::error::StoreError;
use crate::pair::{Message, Word};

/// The file by which one xenstored tells the next.
const DUMP: &str = "state_dump";

/// What the asker of a live update said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The program.
    pub file: String,
    /// The version of the stream.
    version: Option<u32>,
    /// Its arguments in place of ours.
    pub arguments: Option<String>,
}

impl Request {
    /// The text of [`Word::Asked`].
    pub fn parse(text: &str) -> Request {
        let mut parts = text.splitn(3, '\0');
        let mut next = || parts.next().map(str::to_owned);
        let file = next().unwrap_or_default();
        Request { file, version: next().and_then(|version| version.parse().ok()), arguments: next() }
    }
}

impl Keeper<'_> {
    /// Becomes the other program. Comes back only where nothing comes of it.
    pub(super) fn leave(&mut self, request: &Request) -> Result<(), StoreError> {
        let directory = run_directory(&self.config.socket);
        let path = directory.join(DUMP);
        if let Err(reason) = self.write_dump(&path) {
            self.worker.say(Message::with(Word::GoOn, &reason));
            return Ok(());
        }
        self.end_worker();
        // It comes back when the descriptor of its event channels does, or with the next binding.
        let _ = self.host.events.unbind(self.host.claims.virq);
        self.share_descriptors(true);
        tracing::info!("store: handing over to {}", request.file);
        let error = Command::new(&request.file).args(self.words_for(request)).env("XENSTORED_RUNDIR", &directory).exec();
        self.share_descriptors(false);
        let _ = fs::remove_file(&path);
        match Claims::virq(&*self.host.events) {
            Ok(virq) => self.host.claims.virq = virq,
            Err(error) => tracing::error!("store: {error}; ends of domains go unnoticed"),
        }
        self.refused = Some(format!("cannot start {}: {error}", request.file));
        self.start = Word::Again;
        self.worker = Hand::launch(&mut self.launch, None)?;
        Ok(())
    }

    /// Everything in the image, as the stream that every xenstored since 4.15 reads. The asker finds `OK` in it.
    fn write_dump(&self, path: &Path) -> Result<(), String> {
        let image = self.state.image().map_err(|error| error.to_string())?;
        let mut server = Server::recover(image).map_err(|error| error.to_string())?;
        let asker = server.resume_live_update();
        // A ring that cannot be reached has no port; its domain stays known by it.
        let rings = server.rings().into_iter().map(|(conn, _, state)| (conn, End::Ring(state.local.unwrap_or(Port(0)))));
        let sockets = self.clients.iter().map(|(conn, socket)| (*conn, End::Socket(socket.as_raw_fd())));
        let ends: BTreeMap<_, _> = sockets.chain(rings).collect();
        let socket_fd = self.listener.as_ref().map(AsRawFd::as_raw_fd);
        let outside = Outside { socket_fd, evtchn_fd: Some(self.host.events.ready().as_raw_fd()), ends, asker };
        let dump = server.dump(Version::V1, &outside).map_err(|error| error.to_string())?;
        Server::load(Quota::default(), &dump).map_err(|error| format!("our own dump cannot be loaded: {error}"))?;
        let _ = fs::remove_file(path);
        let write = || fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(&dump);
        write().map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Lets the next program have the descriptors, blocking as C xenstored makes them; or takes them back.
    pub(super) fn share_descriptors(&self, share: bool) {
        let flags = if share { FdFlags::empty() } else { FdFlags::CLOEXEC };
        let clients = self.clients.values().map(AsFd::as_fd);
        for descriptor in clients.chain(self.listener.as_ref().map(AsFd::as_fd)).chain([self.host.events.ready()]) {
            if let Err(error) = set(descriptor, flags, !share) {
                tracing::warn!("store: descriptor {}: {error}", descriptor.as_raw_fd());
            }
        }
    }

    /// What the asker said, or else what we were told by whom we took over from; and that there is a dump.
    fn words_for(&self, request: &Request) -> Vec<String> {
        let said = request.arguments.as_ref().map(|line| line.split_whitespace().map(str::to_owned).collect());
        let mut words: Vec<String> = said.unwrap_or_else(|| self.config.words.clone());
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

/// Where stock daemons look for what another one left: `$XENSTORED_RUNDIR`, or where the socket is.
fn run_directory(socket: &Path) -> PathBuf {
    let named = std::env::var_os("XENSTORED_RUNDIR").map(PathBuf::from);
    named.or_else(|| Some(socket.parent()?.to_owned())).unwrap_or_default()
}

/// Whether the target can be started and reads what we write.
pub(super) fn check_target(request: &Request) -> Result<(), String> {
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
