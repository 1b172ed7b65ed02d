//! Finding the store: the places where libxenstore looks, in its order.
//!
//! ```text
//!   XENSTORED_PATH is set:  that, a socket or a device, and nothing else
//!   otherwise:              /run/xenstored/socket -> /dev/xen/xenbus -> /proc/xen/xenbus     the first that opens
//! ```

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{Client, DeviceTransport, SocketTransport, Transport};

/// Where a store's socket is, and where kernels offer their ring.
const PLACES: [&str; 3] = ["/run/xenstored/socket", "/dev/xen/xenbus", "/proc/xen/xenbus"];

/// The places to look at, in order.
#[must_use]
pub fn candidates() -> Vec<PathBuf> {
    match std::env::var_os("XENSTORED_PATH").filter(|path| !path.is_empty()) {
        Some(path) => vec![path.into()],
        None => PLACES.map(PathBuf::from).to_vec(),
    }
}

/// Why a place could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("no store answers on {path}: {}", reason(source))]
pub struct OpenError {
    /// The first place that was tried.
    pub path: PathBuf,
    /// The kernel's reason.
    pub source: io::Error,
}

/// The kernel's words without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Opens the store at `path`, or the first of [`candidates`] that opens. Nothing waits for the store longer than `patience`.
pub fn open(path: Option<&Path>, patience: Duration) -> Result<Client<Connection>, OpenError> {
    let places = path.map_or_else(candidates, |path| vec![path.to_owned()]);
    let mut first = None;
    for path in places {
        match Connection::open(&path, patience) {
            Ok(connection) => return Ok(Client::new(connection).with_patience(Some(patience))),
            Err(source) => _ = first.get_or_insert(OpenError { path, source }),
        }
    }
    Err(first.unwrap_or_else(|| OpenError { path: PathBuf::new(), source: io::ErrorKind::NotFound.into() }))
}

/// A transport to whatever was found.
#[derive(Debug)]
pub enum Connection {
    /// A store's socket.
    Socket(SocketTransport),
    /// The kernel's device.
    Device(DeviceTransport),
}

impl Connection {
    /// Opens one place: a socket is connected, a kernel's device opened. Anything else is left alone: a request would be written over it.
    fn open(path: &Path, patience: Duration) -> io::Result<Connection> {
        let found = fs::metadata(path)?;
        if found.file_type().is_socket() {
            return Ok(Connection::Socket(SocketTransport::new(connected(path, patience)?.into())));
        }
        if !is_device(path, &found)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "neither a socket nor the kernel's xenbus device"));
        }
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Connection::Device(DeviceTransport::new(file)))
    }
}

/// /dev/xen/xenbus is a character device of Linux's misc driver (`drivers/xen/xenbus/xenbus_dev_frontend.c`); /proc/xen/xenbus looks like a
/// plain file, but for the file system that it is in.
fn is_device(path: &Path, found: &fs::Metadata) -> io::Result<bool> {
    if found.file_type().is_char_device() {
        return Ok(rustix::fs::major(found.rdev()) == MISC_MAJOR);
    }
    Ok(found.is_file() && rustix::fs::statfs(path)?.f_type == XENFS_MAGIC)
}

/// `include/uapi/linux/major.h`: MISC_MAJOR.
const MISC_MAJOR: u32 = 10;
/// `include/uapi/linux/magic.h`: XENFS_SUPER_MAGIC.
const XENFS_MAGIC: rustix::fs::FsWord = 0xabba_1974;

/// A store that hangs accepts nobody, and reads nothing.
fn connected(path: &Path, patience: Duration) -> io::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    connect(&socket, &address)?;
    Ok(socket)
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Connection::Socket(socket) => socket.read(into),
            Connection::Device(device) => device.read(into),
        }
    }
}

impl Write for Connection {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Connection::Socket(socket) => socket.write(from),
            Connection::Device(device) => device.write(from),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Connection {
    fn wait_readable(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        match self {
            Connection::Socket(socket) => socket.wait_readable(timeout),
            Connection::Device(device) => device.wait_readable(timeout),
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Connection::Socket(socket) => socket.as_fd(),
            Connection::Device(device) => device.as_fd(),
        }
    }
}
