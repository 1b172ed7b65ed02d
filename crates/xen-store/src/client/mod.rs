//! A synchronous client over any transport, and the conversation below it for loops that must not block.
//!
//! ```text
//!   open(path)                            a socket, or the device that Linux offers where the store lives in another domain
//!   Client::read(path)                    one request, one wait
//!   Client::pipeline(requests)            many requests, then many replies: one wait
//!   Client::transaction(|tx| ...)         START, whatever the closure asks, END; again while the store says EAGAIN
//!   Client::commit(requests)              START | requests | END: three waits     commit_blind: START | requests and END: two
//!   Client::wait_event(timeout)           events that came between replies are queued, merged and bounded
//! ```
//!
//! [`Session`] is the same without waiting: bytes in, replies and events out. A store that hangs without closing is given up after
//! [`PATIENCE`]. [`Counters`] tells how many requests were sent and how often the client waited for the store: what a toolstack's speed hangs on.

mod device;
mod error;
mod events;
mod exchange;
mod loopback;
mod open;
mod request;
mod requests;
mod session;
mod socket;
mod transaction;

use std::io::{self, Read, Write};
use std::time::Duration;

pub use device::DeviceTransport;
pub use error::ClientError;
pub use events::Event;
pub use loopback::Loopback;
pub use open::{Connection, OpenError, candidates, open};
pub use request::Request;
pub use requests::{Requests, names_of};
pub use session::{Incoming, Session, Ticket};
pub use socket::SocketTransport;
pub use transaction::Tx;

use crate::wire::XsError;

/// How long a client waits for a reply before it gives the store up, unless it is told otherwise. Longer than a stock store holds back
/// transactions while it waits for a live update (60 s).
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What a client speaks through: a socket, /dev/xen/xenbus, a store in the same process.
pub trait Transport: Read + Write {
    /// Waits until [`Read::read`] would give something, at most `timeout`, without limit where there is none. `false` when time ran out.
    fn wait_readable(&mut self, timeout: Option<Duration>) -> io::Result<bool>;
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn wait_readable(&mut self, timeout: Option<Duration>) -> io::Result<bool> {
        (**self).wait_readable(timeout)
    }
}

/// Names a transaction of one connection. 0 on the wire is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TxId(u32);

impl TxId {
    /// No transaction.
    pub const NONE: TxId = TxId(0);

    /// What a TRANSACTION_START was answered.
    pub fn from_reply(reply: &[u8]) -> Result<TxId, ClientError> {
        let text = std::str::from_utf8(reply).ok().map(|text| text.trim_end_matches('\0'));
        let id = text.and_then(|text| text.parse().ok()).filter(|id| *id != 0);
        id.map(TxId).ok_or(ClientError::Protocol("a transaction number that is none"))
    }
}

/// What a client has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests sent.
    pub requests: u64,
    /// Times that the client stopped for replies: a pipelined batch is one.
    pub waits: u64,
}

/// What the store said to one request.
pub type Reply = Result<Vec<u8>, XsError>;

/// A connection to a store.
#[derive(Debug)]
pub struct Client<T> {
    transport: T,
    session: Session,
    patience: Option<Duration>,
    /// A reply did not come in time: it may come later, and nobody could tell what it answers.
    given_up: bool,
    counters: Counters,
}

impl<T: Transport> Client<T> {
    /// Speaks through a transport that is connected.
    pub fn new(transport: T) -> Client<T> {
        Client { transport, session: Session::new(), patience: Some(PATIENCE), given_up: false, counters: Counters::default() }
    }

    /// Waits so long for a byte of a reply, for ever where there is none, instead of [`PATIENCE`].
    #[must_use]
    pub fn with_patience(mut self, patience: Option<Duration>) -> Client<T> {
        self.patience = patience;
        self
    }

    /// What this client has cost so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The transport, for waiting on it together with other things.
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// Sends requests without waiting in between and gives the reply to each, in order. One refusal does not stop the others.
    pub fn pipeline(&mut self, requests: &[Request]) -> Result<Vec<Reply>, ClientError> {
        let tagged: Vec<(TxId, &Request)> = requests.iter().map(|request| (TxId::NONE, request)).collect();
        self.exchange(&tagged)
    }

    /// Like [`Client::pipeline`], but a refusal of any is an error that names the first one refused.
    pub fn pipeline_all(&mut self, requests: &[Request]) -> Result<Vec<Vec<u8>>, ClientError> {
        let replies = self.pipeline(requests)?;
        all_granted(requests, replies)
    }

    /// Reads what the transport has, blocking for the first byte.
    fn fill(&mut self) -> Result<(), ClientError> {
        let mut bytes = [0; 8192];
        let count = match self.transport.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.transport.wait_readable(None)?;
                return Ok(());
            }
            other => other?,
        };
        match bytes.get(..count) {
            Some([]) | None => Err(ClientError::Closed),
            Some(bytes) => self.session.feed(bytes),
        }
    }

    /// The next event of any watch, after at most `timeout` without a byte from the store; `None` then.
    pub fn wait_event(&mut self, timeout: Option<Duration>) -> Result<Option<Event>, ClientError> {
        loop {
            if let Some(event) = self.session.next_event()? {
                return Ok(Some(event));
            }
            if !self.transport.wait_readable(timeout)? {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// An event that is here already.
    pub fn try_event(&mut self) -> Result<Option<Event>, ClientError> {
        self.wait_event(Some(Duration::ZERO))
    }
}

/// The replies if all were granted, else the first refusal with the request it belongs to.
fn all_granted(requests: &[Request], replies: Vec<Reply>) -> Result<Vec<Vec<u8>>, ClientError> {
    let pairs = requests.iter().zip(replies);
    pairs.map(|(request, reply)| reply.map_err(|error| ClientError::refused(request, error))).collect()
}

impl<T: Transport> Requests for Client<T> {
    fn call(&mut self, request: &Request) -> Result<Vec<u8>, ClientError> {
        self.call_in(TxId::NONE, request)
    }
}

impl<T: Transport> Client<T> {
    fn call_in(&mut self, tx: TxId, request: &Request) -> Result<Vec<u8>, ClientError> {
        let replies = self.exchange(&[(tx, request)])?;
        let reply = replies.into_iter().next().unwrap_or(Err(XsError::Io));
        reply.map_err(|error| ClientError::refused(request, error))
    }
}
