//! `/dev/xen/xenbus`: how programs of a domain reach the store through their kernel's ring.
//!
//! What Linux allows (`drivers/xen/xenbus/xenbus_dev_frontend.c`, 4.11 and later): one write is taken for one message at most, and whatever
//! follows in it is dropped; a message may have 4096 bytes with its header; a write never waits for the reply; a read blocks until there is
//! something, unless the file is O_NONBLOCK; poll tells readable, and never writable. WATCH and UNWATCH are answered by the kernel itself.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::Transport;
use crate::wire::{HEADER_LEN, Header};

/// The longest message that the device takes, header included.
const MESSAGE_MAX: usize = 4096;

/// The opened device. Made O_NONBLOCK by the caller it serves [`super::Session::pump`] too.
#[derive(Debug)]
pub struct DeviceTransport {
    file: File,
}

impl DeviceTransport {
    /// Takes the device, opened for reading and writing.
    #[must_use]
    pub fn new(file: File) -> DeviceTransport {
        DeviceTransport { file }
    }
}

impl Read for DeviceTransport {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.file.read(into)
    }
}

impl Write for DeviceTransport {
    /// Writes the first message of `from`, which must begin with one.
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        let header = from.first_chunk::<HEADER_LEN>().map(Header::decode).ok_or(io::ErrorKind::InvalidInput)?;
        let len = HEADER_LEN + header.len as usize;
        if len > MESSAGE_MAX {
            let why = format!("the kernel takes no message of more than {MESSAGE_MAX} bytes, and this one has {len}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let message = from.get(..len).ok_or(io::ErrorKind::InvalidInput)?;
        match self.file.write(message)? {
            all if all == len => Ok(len),
            _ => Err(io::Error::new(io::ErrorKind::WriteZero, "the kernel took a part of a message")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for DeviceTransport {
    fn wait_readable(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut fds = [PollFd::new(&self.file, PollFlags::IN)];
        loop {
            match poll(&mut fds, timeout.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for DeviceTransport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
