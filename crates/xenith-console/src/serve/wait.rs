//! Waiting for descriptors.

use std::io;
use std::os::fd::BorrowedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whose descriptor it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Readable: the role shall end.
    Shutdown,
    /// Event channels.
    Events,
    /// Somebody opened a terminal.
    Opened,
    /// New connections.
    Listener,
    /// The store.
    Store,
    /// A connection.
    Client(u64),
    /// A terminal that somebody has open.
    Terminal(u64),
}

/// Waits until something is ready or `wait_ms` milliseconds are over, and gives what is ready, and how.
pub fn wait(sources: &[(Source, BorrowedFd<'_>, PollFlags)], wait_ms: Option<u64>) -> io::Result<Vec<(Source, PollFlags)>> {
    let mut fds: Vec<PollFd<'_>> = sources.iter().map(|(_, fd, flags)| PollFd::from_borrowed_fd(*fd, *flags)).collect();
    let timeout = wait_ms.map(|ms| Timespec {
        tv_sec: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(ms % 1000).unwrap_or(0) * 1_000_000,
    });
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) => {}
        Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    }
    let ready = sources.iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
    Ok(ready.map(|((source, ..), fd)| (*source, fd.revents())).collect())
}
