//! Ways to a daemon that carry streams of bytes: HTTP over one connection per exchange.
//!
//! ```text
//!   Way --connect--> Connection --HTTP--> reply | events | console
//!    |-- Unix   the API's socket on this machine
//!    '-- Ssh    ssh to another one, where `xenith dial` joins its standard input and output to the socket there
//! ```

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::ssh::{Carrier, Ssh};
use super::unix::Unix;
use super::{Exchange, Header, reply, strange};
use crate::v1::{Code, Problem};

/// A way to a daemon.
#[derive(Clone, Debug)]
pub enum Way {
    /// On this machine.
    Unix(Unix),
    /// On another.
    Ssh(Ssh),
}

impl From<Unix> for Way {
    fn from(unix: Unix) -> Way {
        Way::Unix(unix)
    }
}

impl From<Ssh> for Way {
    fn from(ssh: Ssh) -> Way {
        Way::Ssh(ssh)
    }
}

impl Way {
    pub(super) fn connect(&self) -> Result<Connection, Problem> {
        match self {
            Way::Unix(unix) => unix.connect(),
            Way::Ssh(ssh) => ssh.connect(),
        }
    }

    /// As a person calls it, and how long it may be silent.
    fn place(&self) -> (String, Duration) {
        match self {
            Way::Unix(unix) => (unix.socket().display().to_string(), unix.silence()),
            Way::Ssh(ssh) => (ssh.destination().to_string(), ssh.silence()),
        }
    }

    /// The connection broke, or the daemon fell silent, after the request was on its way.
    pub(super) fn lost(&self, method: &str, path: &str, error: &io::Error) -> Problem {
        let (place, silence) = self.place();
        let what = format!("{method} {path}");
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                let title = format!("{what}: no answer on {place} within {} s", silence.as_secs());
                Problem::new(Code::TimedOut, what, title, "the daemon may still be at it: look with `xenith list`")
            }
            io::ErrorKind::InvalidData => strange(&format!("{what}: what answers on {place} does not speak HTTP: {error}")),
            _ => {
                let title = format!("{what}: the daemon went away before it answered: {}", told(error));
                Problem::new(Code::DaemonUnreachable, what, title, "look with `xenith list` whether it was done, then repeat it")
            }
        }
    }
}

/// An open connection, and whoever carries its bytes.
#[derive(Debug)]
pub(super) struct Connection {
    // Closed first: that ends the carrier.
    stream: UnixStream,
    carrier: Option<Carrier>,
}

impl Connection {
    pub(super) fn new(stream: UnixStream, silence: Duration, carrier: Option<Carrier>) -> io::Result<Connection> {
        stream.set_read_timeout(Some(silence))?;
        stream.set_write_timeout(Some(silence))?;
        Ok(Connection { stream, carrier })
    }

    /// The stream alone.
    pub(super) fn stream(&self) -> &UnixStream {
        &self.stream
    }

    /// Why its carrier ended, where there is one and it did not end well.
    pub(super) fn last_words(&mut self) -> Option<String> {
        self.carrier.as_mut().and_then(Carrier::last_words)
    }

    /// A problem with this connection, with what its carrier says.
    pub(super) fn because(&mut self, problem: Problem) -> Problem {
        match self.last_words() {
            Some(words) => Problem { detail: format!("{}; {words}", problem.detail), ..problem },
            None => problem,
        }
    }
}

impl Read for Connection {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

impl Exchange for Way {
    fn exchange(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Result<(u16, Vec<u8>), Problem> {
        let mut connection = self.connect()?;
        let request = request(method, path, headers, body);
        // A daemon that refuses early answers and closes before it read everything: its answer counts, not the broken pipe.
        let sent = connection.write_all(&request);
        match (reply::read(&mut connection), sent) {
            (Ok(reply), _) => Ok(reply),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(connection.because(self.lost(method, path, &error))),
        }
    }
}

impl Exchange for Unix {
    fn exchange(&self, method: &str, path: &str, headers: &[Header<'_>], body: Option<&[u8]>) -> Result<(u16, Vec<u8>), Problem> {
        Way::from(self.clone()).exchange(method, path, headers, body)
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
pub(super) fn told(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}
