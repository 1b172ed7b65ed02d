//! The API's Unix socket: one connection per exchange.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Exchange, Header, reply, strange};
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

    pub(super) fn connect(&self) -> Result<UnixStream, Problem> {
        let connect = || {
            let stream = UnixStream::connect(&self.socket)?;
            stream.set_read_timeout(Some(self.silence))?;
            stream.set_write_timeout(Some(self.silence))?;
            Ok(stream)
        };
        connect().map_err(|error: io::Error| self.unreachable(&error))
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

    /// The connection broke, or the daemon fell silent, after the request was on its way.
    pub(super) fn lost(&self, method: &str, path: &str, error: &io::Error) -> Problem {
        let socket = self.socket.display();
        let what = format!("{method} {path}");
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let title = format!("{what}: no answer on {socket} within {} s", self.silence.as_secs());
                Problem::new(Code::TimedOut, what, title, "the daemon may still be at it: look with `xenith list`")
            }
            io::ErrorKind::InvalidData => strange(&format!("{what}: what answers on {socket} does not speak HTTP: {error}")),
            _ => {
                let title = format!("{what}: the daemon went away before it answered: {}", told(error));
                Problem::new(Code::DaemonUnreachable, what, title, "look with `xenith list` whether it was done, then repeat it")
            }
        }
    }
}

impl Exchange for Unix {
    fn exchange(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Result<(u16, Vec<u8>), Problem> {
        let mut stream = self.connect()?;
        let request = request(method, path, headers, body);
        // A daemon that refuses early answers and closes before it read everything: its answer counts, not the broken pipe.
        let sent = stream.write_all(&request);
        match (reply::read(&mut stream), sent) {
            (Ok(reply), _) => Ok(reply),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(self.lost(method, path, &error)),
        }
    }
}

fn request(method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = format!("{method} {path} HTTP/1.1\r\nhost: xenith\r\nconnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if let Some(body) = body {
        bytes.extend_from_slice(format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.unwrap_or(&[]));
    bytes
}

/// The error without the number that Rust puts after it.
fn told(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
