//! Signals as bytes on a descriptor that can be polled.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use xenith_api::latest::{Code, Problem};

/// A descriptor that polls readable once a program on a terminal shall end: SIGTERM, SIGINT, or the terminal went away (SIGHUP).
pub fn end_of_session() -> Result<OwnedFd, Problem> {
    any_of(&[SIGTERM, SIGINT, SIGHUP]).map_err(|error| problem(&error))
}

/// The same for a role: it outlives the terminal that it was started from, since a store that ends takes its contents along.
pub fn end_of_role() -> Result<OwnedFd, Problem> {
    // A flag that nobody reads: the signal is taken and means nothing.
    let ignored = flag::register(SIGHUP, Arc::new(AtomicBool::new(false)));
    ignored.and_then(|_| any_of(&[SIGTERM, SIGINT])).map_err(|error| problem(&error))
}

fn any_of(signals: &[i32]) -> io::Result<OwnedFd> {
    let (reader, writer) = UnixStream::pair()?;
    for signal in signals {
        pipe::register(*signal, writer.try_clone()?)?;
    }
    Ok(reader.into())
}

fn problem(error: &io::Error) -> Problem {
    Problem::new(Code::Internal, "signals", format!("cannot take signals: {error}"), "report this")
}
