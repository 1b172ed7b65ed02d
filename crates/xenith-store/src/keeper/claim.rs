//! One host, one store: the lock, the socket, the pid file.
//!
//! ```text
//!   lock DIR/xenith.lock    held by another xenith store  -> AlreadyLocked
//!   connect to the socket   somebody answers              -> AlreadyServing     nothing of the host has been touched so far
//!   ... start ...
//!   remove what is left of a dead store's socket, bind, mode 0600, listen
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::StoreError;

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 128;

/// The right to serve a socket, held until it is dropped.
#[derive(Debug)]
pub struct Claim {
    socket: PathBuf,
    /// Held open for its lock.
    _lock: File,
}

/// The lock, while it is not certain that the socket is ours: its end removes nothing.
struct Locked(File);

impl Locked {
    fn of(self, socket: &Path) -> Claim {
        Claim { socket: socket.to_owned(), _lock: self.0 }
    }
}

impl Claim {
    /// Makes sure that nobody else serves this socket, and keeps others from it.
    pub fn take(socket: &Path) -> Result<Claim, StoreError> {
        let claim = Claim::lock(socket)?;
        match UnixStream::connect(socket) {
            Ok(_) => Err(StoreError::AlreadyServing { socket: socket.to_owned() }),
            Err(error) if nobody_answers(&error) => Ok(claim.of(socket)),
            Err(error) => Err(file("look who answers on", socket)(error)),
        }
    }

    /// Keeps others from a socket that is ours already.
    pub fn adopt(socket: &Path) -> Result<Claim, StoreError> {
        Ok(Claim::lock(socket)?.of(socket))
    }

    fn lock(socket: &Path) -> Result<Locked, StoreError> {
        let directory = socket.parent().unwrap_or(Path::new("/"));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o755);
        builder.create(directory).map_err(file("make the directory", directory))?;
        let path = directory.join("xenith.lock");
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        let lock = options.open(&path).map_err(file("open the lock", &path))?;
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Locked(lock)),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::AlreadyLocked { lock: path }),
            Err(error) => Err(file("lock", &path)(error.into())),
        }
    }

    /// Where clients connect.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Opens the socket for clients, root's alone.
    pub fn listen(&self) -> Result<OwnedFd, StoreError> {
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(file("remove the old socket", &self.socket)(error)),
            _ => {}
        }
        let listener = self.bind().map_err(|errno| file("open the socket", &self.socket)(errno.into()))?;
        self.link_read_only()?;
        Ok(listener)
    }

    /// The second name by which libxenstore of 4.14 opens its read-only connections.
    fn link_read_only(&self) -> Result<(), StoreError> {
        let link = read_only(&self.socket);
        // What is left of a dead store's.
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(self.socket.file_name().unwrap_or_default(), &link).map_err(file("make the link", &link))
    }

    fn bind(&self) -> rustix::io::Result<OwnedFd> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(&self.socket)?)?;
        // Nobody can connect before listen, so the mode is set in time.
        rustix::fs::chmod(&self.socket, Mode::RUSR | Mode::WUSR)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(socket)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // The lock is still held: the socket can only be ours, or not there yet.
        let _ = fs::remove_file(&self.socket);
        let _ = fs::remove_file(read_only(&self.socket));
    }
}

fn read_only(socket: &Path) -> PathBuf {
    let mut name = socket.as_os_str().to_owned();
    name.push("_ro");
    name.into()
}

/// Removes the pid file when the store ends.
pub(super) struct PidFile(PathBuf);

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Says that clients can connect.
pub(super) fn write_pid_file(path: &Path) -> Result<PidFile, StoreError> {
    let mut opened = File::create(path).map_err(file("make the pid file", path))?;
    writeln!(opened, "{}", std::process::id()).map_err(file("write the pid file", path))?;
    Ok(PidFile(path.to_owned()))
}

fn nobody_answers(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

fn file<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> StoreError + 'a {
    move |source| StoreError::File { what, path: path.to_owned(), source }
}
