//! A local socket as a transport. Opening it is [`super::open`]'s, or the caller's.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::RecvFlags;

use super::Transport;

/// A connected socket. Waiting reads ahead, so before polling [`AsFd`] ask [`super::Client::try_event`].
#[derive(Debug)]
pub struct SocketTransport {
    stream: UnixStream,
    ahead: Vec<u8>,
    /// How long the socket's reads wait at present.
    waits: Option<Duration>,
}

impl SocketTransport {
    /// Takes a connected, blocking socket. A client's window fits into the socket's buffer, so writing waits only where the store reads
    /// nothing for long: the socket's own time-out for that counts.
    #[must_use]
    pub fn new(stream: UnixStream) -> SocketTransport {
        SocketTransport { stream, ahead: Vec::new(), waits: None }
    }

    /// One read that waits so long at most; an error of kind `WouldBlock` when time ran out.
    fn read_within(&mut self, timeout: Option<Duration>, into: &mut [u8]) -> io::Result<usize> {
        if timeout == Some(Duration::ZERO) {
            let (count, _) = rustix::net::recv(&self.stream, into, RecvFlags::DONTWAIT)?;
            return Ok(count);
        }
        // Asking for the same again costs no system call.
        if self.waits != timeout {
            self.stream.set_read_timeout(timeout)?;
            self.waits = timeout;
        }
        self.stream.read(into)
    }
}

impl Read for SocketTransport {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.read_within(None, into);
        }
        let count = self.ahead.as_slice().read(into)?;
        self.ahead.drain(..count);
        Ok(count)
    }
}

impl Write for SocketTransport {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.stream.write(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Transport for SocketTransport {
    fn wait_readable(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        if !self.ahead.is_empty() {
            return Ok(true);
        }
        let mut bytes = [0; 4096];
        loop {
            match self.read_within(timeout, &mut bytes) {
                Ok(count) => {
                    self.ahead.extend_from_slice(bytes.get(..count).unwrap_or_default());
                    return Ok(true);
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for SocketTransport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
