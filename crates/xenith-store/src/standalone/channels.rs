//! Event channels by datagrams.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use xen_abi::{DomId, Port};
use xen_hv::{EventChannels, SeamError};

use super::node;

/// The port of VIRQ_DOM_EXC.
const VIRQ_PORT: Port = Port(1);
/// Domain N's port is this and N.
const DOMAIN_PORTS: u32 = 1000;

/// The store's end of all event channels.
pub struct FileChannels {
    directory: PathBuf,
    socket: UnixDatagram,
}

impl FileChannels {
    /// Binds DIR/evtchn, in place of what a dead store left.
    pub fn bind(directory: &Path) -> Result<FileChannels, SeamError> {
        let path = directory.join("evtchn");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(node(&path)(error)),
            _ => {}
        }
        let socket = UnixDatagram::bind(&path).map_err(node(&path))?;
        FileChannels::of(directory, socket)
    }

    /// Goes on with a descriptor that another process bound.
    pub fn adopt(directory: &Path, descriptor: OwnedFd) -> Result<FileChannels, SeamError> {
        FileChannels::of(directory, descriptor.into())
    }

    fn of(directory: &Path, socket: UnixDatagram) -> Result<FileChannels, SeamError> {
        socket.set_nonblocking(true).map_err(failed("evtchn set_nonblocking"))?;
        Ok(FileChannels { directory: directory.to_owned(), socket })
    }
}

impl AsFd for FileChannels {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl EventChannels for FileChannels {
    fn bind_interdomain(&self, domid: DomId, _: Port) -> Result<Port, SeamError> {
        let port = DOMAIN_PORTS.saturating_add(u32::from(domid.0));
        Ok(Port(port))
    }

    fn bind_virq(&self, _: u32) -> Result<Port, SeamError> {
        Ok(VIRQ_PORT)
    }

    fn unbind(&self, _: Port) -> Result<(), SeamError> {
        Ok(())
    }

    /// An event that nobody waits for, or that finds the other's queue full of events, is none lost: the other looks at its ring in any case.
    fn notify(&self, port: Port) -> Result<(), SeamError> {
        let Some(domid) = port.0.checked_sub(DOMAIN_PORTS) else { return Ok(()) };
        let path = self.directory.join(format!("ev.{domid}"));
        match self.socket.send_to(&port.0.to_le_bytes(), path) {
            Ok(_) => Ok(()),
            Err(error) if nobody_waits(&error) => Ok(()),
            Err(error) => Err(failed("evtchn notify")(error)),
        }
    }

    fn next_pending(&self) -> Result<Option<Port>, SeamError> {
        let mut bytes = [0; 4];
        loop {
            match self.socket.recv(&mut bytes) {
                Ok(4) => return Ok(Some(Port(u32::from_le_bytes(bytes)))),
                // Not an event: whoever can write here is the one who runs us.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed("evtchn receive")(error)),
            }
        }
    }

    fn unmask(&self, _: Port) -> Result<(), SeamError> {
        Ok(())
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn nobody_waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::WouldBlock)
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> SeamError {
    move |source| SeamError::Io { what, source }
}
