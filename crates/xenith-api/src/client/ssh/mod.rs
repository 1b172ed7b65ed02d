//! The API's socket of another machine, over ssh.
//!
//! ```text
//!   here                                       there
//!   Connection --socket pair--> ssh ====> sshd --> xenith dial --> /run/xenith/api.sock
//!        <---- the greeting, once dial is connected; HTTP from then on ---->
//! ```
//!
//! ssh is the user's own: their keys, their `~/.ssh/config`, their known hosts. It may ask for a password; nothing is hurried before the greeting.
//! What goes wrong until then was not asked of any daemon.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::way::{Connection, told};
use crate::v1::{Code, Problem};

mod carrier;
mod destination;
mod refusal;

pub(super) use carrier::Carrier;
pub use destination::Destination;

/// What `xenith dial` says first: from here on it is the daemon that speaks.
pub const GREETING: &str = "xenith-dial 1\n";

/// The most that the start files of a shell there may say before, in bytes.
const NOISE_MAX: usize = 64 << 10;

/// The way to a daemon on another machine.
#[derive(Clone, Debug)]
pub struct Ssh {
    destination: Destination,
    /// Where the socket lies there, where that is no matter of course.
    socket: Option<PathBuf>,
    silence: Duration,
    /// Nobody is asked anything, and the greeting has no longer than the answer.
    in_passing: bool,
}

impl Ssh {
    /// To that machine, giving up after `silence` without a byte of the daemon.
    #[must_use]
    pub fn new(destination: Destination, socket: Option<PathBuf>, silence: Duration) -> Ssh {
        Ssh { destination, socket, silence, in_passing: false }
    }

    /// The same for who would rather have no answer than wait, or be asked for a password.
    #[must_use]
    pub fn in_passing(self) -> Ssh {
        Ssh { in_passing: true, ..self }
    }

    pub(super) fn destination(&self) -> &Destination {
        &self.destination
    }

    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    pub(super) fn connect(&self) -> Result<Connection, Problem> {
        let broken = |error: io::Error| refusal::not_started(&self.destination, &error);
        let (mut stream, carrier) = self.start().map_err(broken)?;
        stream.set_read_timeout(self.in_passing.then_some(self.silence)).map_err(broken)?;
        match greeted(&mut stream) {
            Ok(()) => Connection::new(stream, self.silence, Some(carrier)).map_err(broken),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(self.slow()),
            Err(error) => {
                // Whoever waits for more hears that there is none.
                drop(stream);
                let (status, words) = carrier.end();
                Err(refusal::refused(&self.destination, status, &words, &told(&error)))
            }
        }
    }

    fn start(&self) -> io::Result<(UnixStream, Carrier)> {
        let (ours, theirs) = UnixStream::pair()?;
        let input = OwnedFd::from(theirs.try_clone()?);
        // The command holds their end: it must be gone when this returns, or the end of ssh would not be heard.
        let child = Command::new("ssh")
            .args(self.words())
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::piped())
            .spawn()?;
        Ok((ours, Carrier::of(child, self.destination.clone())))
    }

    /// As scp and sftp start it: a pipe, and nothing of what a configuration adds for people.
    fn words(&self) -> Vec<String> {
        let mut words =
            ["-T", "-a", "-x", "-oClearAllForwardings=yes", "-oPermitLocalCommand=no", "-oRemoteCommand=none"].map(str::to_owned).to_vec();
        if self.in_passing {
            words.extend(["-oBatchMode=yes".to_owned(), format!("-oConnectTimeout={}", self.silence.as_secs().max(1))]);
        }
        words.extend(self.destination.port().map(|port| format!("-p{port}")));
        words.extend(["--".to_owned(), self.destination.word(), self.command()]);
        words
    }

    /// What the shell there reads, whichever it is. Who is not root may not have on the PATH where packages put xenith.
    fn command(&self) -> String {
        let socket = self.socket.as_ref().map_or_else(String::new, |socket| format!(" --socket {}", quoted(&socket.to_string_lossy())));
        format!(r#"env PATH="$PATH:/usr/local/sbin:/usr/sbin" xenith --json{socket} dial"#)
    }

    fn slow(&self) -> Problem {
        let title = format!("ssh to {}: no answer within {} s", self.destination, self.silence.as_secs());
        Problem::new(Code::TimedOut, self.destination.to_string(), title, "try again with more time")
    }
}

/// One word for any POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Reads up to the end of the greeting and not a byte further.
fn greeted(stream: &mut UnixStream) -> io::Result<()> {
    let mut heard = Vec::new();
    while !heard.ends_with(GREETING.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        heard.extend_from_slice(&byte);
        if heard.len() > NOISE_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it goes on and on, but not as `xenith dial` does"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn words() {
        let words = |text: &str, socket: Option<&str>| {
            Ssh::new(Destination::parse(text).unwrap(), socket.map(PathBuf::from), Duration::ZERO).words()
        };
        let always = "-T -a -x -oClearAllForwardings=yes -oPermitLocalCommand=no -oRemoteCommand=none";
        for (text, socket, expected) in [
            ("ssh://dom0", None, "-- dom0 ENV xenith --json dial"),
            ("ssh://root@dom0:2222", None, "-p2222 -- root@dom0 ENV xenith --json dial"),
            ("ssh://dom0", Some("/a b/it's"), r"-- dom0 ENV xenith --json --socket '/a b/it'\''s' dial"),
        ] {
            let expected = expected.replace("ENV", r#"env PATH="$PATH:/usr/local/sbin:/usr/sbin""#);
            assert_eq!(words(text, socket).join(" "), format!("{always} {expected}"));
        }
        let hasty = Ssh::new(Destination::parse("ssh://dom0").unwrap(), None, Duration::from_secs(3)).in_passing();
        assert!(hasty.words().join(" ").starts_with(&format!("{always} -oBatchMode=yes -oConnectTimeout=3 -- dom0 env ")));
    }

    #[test]
    fn greetings() {
        let heard = |said: &str| {
            let (mut there, mut here) = UnixStream::pair().unwrap();
            there.write_all(said.as_bytes()).unwrap();
            drop(there);
            let greeted = greeted(&mut here).map_err(|error| error.kind());
            let mut rest = String::new();
            here.read_to_string(&mut rest).unwrap();
            (greeted, rest)
        };
        assert_eq!(heard("xenith-dial 1\nHTTP"), (Ok(()), "HTTP".to_owned()));
        assert_eq!(heard("Welcome to dom0\n\nno newline here:xenith-dial 1\n"), (Ok(()), String::new()));
        assert_eq!(heard("xenith-dial 2\n"), (Err(io::ErrorKind::UnexpectedEof), String::new()));
        let endless = "y\n".repeat(NOISE_MAX / 2 + 1);
        assert_eq!(heard(&endless).0, Err(io::ErrorKind::InvalidData));
    }
}
