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

/// The same for a role: it outlives the terminal that it was started from.
pub fn end_of_role() -> Result<OwnedFd, Problem> {
    // A flag that nobody reads: the signal is taken and means nothing.
    let ignored = flag::register(SIGHUP, Arc::new(AtomicBool::new(false)));
    ignored.and_then(|_| any_of(&[SIGTERM, SIGINT])).map_err(|error| problem(&error))
}

/// Descriptors by which a role with a successor at hand is told things.
pub struct Told {
    /// Readable once it shall end: SIGTERM or SIGINT.
    pub end: OwnedFd,
    /// Readable once it shall let the successor go on: SIGHUP.
    pub update: OwnedFd,
}

/// The same for a role whose SIGHUP means something.
pub fn end_or_update() -> Result<Told, Problem> {
    let told = any_of(&[SIGHUP]).and_then(|update| Ok(Told { end: any_of(&[SIGTERM, SIGINT])?, update }));
    told.map_err(|error| problem(&error))
}

/// A process that ends when another one says so: nothing that a terminal or a service manager sends to all of them means it.
pub fn ignore() -> Result<(), Problem> {
    let taken = [SIGHUP, SIGINT, SIGTERM].into_iter().try_for_each(|signal| flag::register(signal, Arc::default()).map(drop));
    taken.map_err(|error| problem(&error))
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
