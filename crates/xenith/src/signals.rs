//! Signals as bytes on a descriptor that can be polled.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;
use xenith_api::latest::{Code, Problem};

/// A descriptor that polls readable once the process is asked to end (SIGTERM, SIGINT, SIGHUP).
pub fn asked_to_end() -> Result<OwnedFd, Problem> {
    let register = || -> io::Result<OwnedFd> {
        let (reader, writer) = UnixStream::pair()?;
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            pipe::register(signal, writer.try_clone()?)?;
        }
        Ok(reader.into())
    };
    register().map_err(|error| Problem::new(Code::Internal, "signals", format!("cannot take signals: {error}"), "report this"))
}
