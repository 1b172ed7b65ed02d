//! `xenith dial`: the far end of `xenith --host ssh://...`.
//!
//! ```text
//!   sshd --> standard input --> the API's socket --> standard output --> sshd
//! ```
//!
//! The daemon sees who runs it: the user that ssh let in, with that user's role.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;

use xenith_api::client::{GREETING, Unix};
use xenith_api::latest::{Code, Problem};

use crate::context::{self, Context};

/// Join standard input and output to the API's socket (run by ssh for `xenith --host`)
#[derive(Debug, clap::Args)]
#[command(
    hide = true,
    after_help = "Examples:\n  \
    ssh dom0 xenith dial    what `xenith --host ssh://dom0` runs; it greets once it is connected"
)]
pub struct Dial;

impl Dial {
    /// Carries bytes until the daemon ends it, or whoever reads is gone.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let unread = |error: io::Error| Problem::new(Code::Internal, "dial", format!("cannot carry: {error}"), "report this");
        let daemon = Unix::new(&context.socket, context::SILENCE).open()?;
        // Straight to the descriptors: nothing waits in a buffer of ours.
        let input = File::from(io::stdin().as_fd().try_clone_to_owned().map_err(unread)?);
        let mut output = File::from(io::stdout().as_fd().try_clone_to_owned().map_err(unread)?);
        let to_daemon = daemon.try_clone().map_err(unread)?;
        context::print(GREETING.as_bytes())?;
        // It ends with the process: input that nobody sends is nothing to wait for.
        thread::spawn(move || pass_on(input, &to_daemon));
        // A connection that breaks has ended; whoever made the request knows whether that was too early.
        let _ = carry(&daemon, &mut output);
        Ok(())
    }
}

/// The end of the input is the end of what the daemon hears.
fn pass_on(input: File, mut daemon: &UnixStream) {
    let _ = carry(input, &mut daemon);
    let _ = daemon.shutdown(Shutdown::Write);
}

/// Not [`io::copy`]: that splices, and a splice from a socket into a pipe keeps the pipe locked while it waits. sshd could not read from it.
fn carry(mut from: impl Read, to: &mut impl Write) -> io::Result<()> {
    let mut block = vec![0; 64 << 10];
    loop {
        match from.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(block.get(..count).unwrap_or(&[]))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
