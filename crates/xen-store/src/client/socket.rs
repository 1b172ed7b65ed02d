//! A local socket as a transport. Opening it is the caller's.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::Transport;

/// A connected socket. Waiting reads ahead, so before polling [`AsFd`] ask [`super::Client::try_event`].
#[derive(Debug)]
pub struct SocketTransport {
    stream: UnixStream,
    ahead: Vec<u8>,
}

impl SocketTransport {
    /// Takes a connected, blocking socket.
    #[must_use]
    pub fn new(stream: UnixStream) -> SocketTransport {
        SocketTransport { stream, ahead: Vec::new() }
    }
}

impl Read for SocketTransport {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return self.stream.read(into);
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
        let read = match timeout {
            Some(Duration::ZERO) => {
                self.stream.set_nonblocking(true)?;
                let read = self.stream.read(&mut bytes);
                self.stream.set_nonblocking(false)?;
                read
            }
            timeout => {
                self.stream.set_read_timeout(timeout)?;
                let read = self.stream.read(&mut bytes);
                self.stream.set_read_timeout(None)?;
                read
            }
        };
        match read {
            Ok(0) => Ok(true),
            Ok(count) => {
                self.ahead.extend_from_slice(bytes.get(..count).unwrap_or_default());
                Ok(true)
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl AsFd for SocketTransport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
