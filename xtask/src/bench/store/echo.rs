//! The floor: what a process costs that waits for a socket, reads and sends the same back.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::event::{PollFd, PollFlags, poll};

/// Serves one client after another.
pub fn run(socket: &Path) -> Result<()> {
    let listener = UnixListener::bind(socket).context("bind the echo's socket")?;
    loop {
        let (mut client, _) = listener.accept().context("accept")?;
        let mut bytes = [0; 65_536];
        loop {
            poll(&mut [PollFd::new(&client, PollFlags::IN)], None).context("poll")?;
            let count = match client.read(&mut bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error).context("read"),
            };
            if count == 0 || client.write_all(bytes.get(..count).unwrap_or_default()).is_err() {
                break;
            }
        }
    }
}
