//! A domain's console over the API: a WebSocket that carries bytes both ways.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use tungstenite::handshake::HandshakeError;
use tungstenite::http::Response;
use tungstenite::{Error, Message, WebSocket};

use super::way::{Connection, Way};
use super::{problem, strange};
use crate::v1::{Code, Problem};

/// An attached console. It never blocks: poll it with [`AsFd`].
#[derive(Debug)]
pub struct Console {
    socket: WebSocket<Connection>,
    unsent: bool,
}

/// What a console said.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Bytes of the domain.
    Bytes(Vec<u8>),
    /// Nothing for now.
    Nothing,
    /// The other side ended it; with its reason, where it gave one.
    End(Option<String>),
}

/// The longest body of a refusal that is read, in bytes.
const REFUSAL_MAX: u64 = 1 << 20;

/// The handshake keeps of a body only what came together with the head: the rest is read here.
fn whole_body(answer: Response<Option<Vec<u8>>>, rest: UnixStream) -> Vec<u8> {
    let length = answer.headers().get("content-length").and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let mut body = answer.into_body().unwrap_or_default();
    let missing = length.unwrap_or(0).min(REFUSAL_MAX).saturating_sub(body.len() as u64);
    // A body that never comes whole is told as one that makes no sense.
    let _ = rest.take(missing).read_to_end(&mut body);
    body
}

impl Console {
    pub(super) fn attach(way: &Way, path: &str) -> Result<Console, Problem> {
        let stream = way.connect()?;
        let rest = stream.stream().try_clone().map_err(|error| way.lost("GET", path, &error))?;
        let request = format!("ws://xenith{path}");
        let refused = |error| match error {
            Error::Http(answer) => problem("GET", path, answer.status().as_u16(), &whole_body(*answer, rest)),
            Error::Io(error) => way.lost("GET", path, &error),
            other => strange(&format!("GET {path}: the console cannot be attached: {other}")),
        };
        let (socket, _) = tungstenite::client(request, stream).map_err(|error| match error {
            HandshakeError::Failure(error) => refused(error),
            HandshakeError::Interrupted(_) => refused(Error::Io(io::ErrorKind::TimedOut.into())),
        })?;
        socket.get_ref().stream().set_nonblocking(true).map_err(|error| way.lost("GET", path, &error))?;
        Ok(Console { socket, unsent: false })
    }

    /// What came since the last call, one piece at a time: call until it is [`Heard::Nothing`].
    pub fn hear(&mut self) -> Result<Heard, Problem> {
        loop {
            match self.socket.read() {
                Ok(Message::Binary(bytes)) => return Ok(Heard::Bytes(bytes.to_vec())),
                Ok(Message::Text(text)) => return Ok(Heard::Bytes(text.as_bytes().to_vec())),
                Ok(Message::Close(frame)) => {
                    return Ok(Heard::End(frame.map(|f| f.reason.to_string()).filter(|reason| !reason.is_empty())));
                }
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => (),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Heard::Nothing),
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Ok(Heard::End(None)),
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    /// Sends bytes to the domain. While [`Console::unsent`], poll for writing and call [`Console::flush`] before sending more.
    pub fn say(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let sent = self.socket.send(Message::binary(bytes.to_vec()));
        self.settle(sent)
    }

    /// Goes on with what could not be sent at once.
    pub fn flush(&mut self) -> Result<(), Problem> {
        let sent = self.socket.flush();
        self.settle(sent)
    }

    /// Whether bytes still wait to be sent.
    #[must_use]
    pub fn unsent(&self) -> bool {
        self.unsent
    }

    fn settle(&mut self, sent: Result<(), Error>) -> Result<(), Problem> {
        self.unsent = matches!(&sent, Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock);
        match sent {
            Ok(()) => Ok(()),
            Err(_) if self.unsent => Ok(()),
            Err(error) => Err(self.broken(&error)),
        }
    }

    fn broken(&mut self, error: &Error) -> Problem {
        let title = format!("the console's connection broke: {error}");
        let advice = "attach again: the domain runs on, and the last 64 KiB come first";
        self.socket.get_mut().because(Problem::new(Code::DaemonUnreachable, "console", title, advice))
    }
}

impl AsFd for Console {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
}
