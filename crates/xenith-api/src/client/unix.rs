//! The API's socket on this machine.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::way::{Connection, told};
use crate::v1::{Code, Problem};

/// The way to a daemon on this machine.
#[derive(Clone, Debug)]
pub struct Unix {
    socket: PathBuf,
    silence: Duration,
}

impl Unix {
    /// Through this socket, giving up after `silence` without a byte.
    pub fn new(socket: impl Into<PathBuf>, silence: Duration) -> Unix {
        Unix { socket: socket.into(), silence }
    }

    /// The socket's path.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// A connection that waits for ever.
    pub fn open(&self) -> Result<UnixStream, Problem> {
        UnixStream::connect(&self.socket).map_err(|error| self.unreachable(&error))
    }

    pub(super) fn connect(&self) -> Result<Connection, Problem> {
        Connection::new(self.open()?, self.silence, None).map_err(|error| self.unreachable(&error))
    }

    fn unreachable(&self, error: &io::Error) -> Problem {
        let socket = self.socket.display();
        if error.kind() == io::ErrorKind::PermissionDenied {
            let title = format!("you may not use the daemon's socket {socket}");
            return Problem::new(Code::NotPermitted, socket.to_string(), title, "run the command as root");
        }
        let title = format!("no daemon answers on {socket}: {}", told(error));
        Problem::new(Code::DaemonUnreachable, socket.to_string(), title, "start it with `xenith all`, or name its socket with --socket")
    }
}
