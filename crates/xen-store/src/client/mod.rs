//! A synchronous client over any transport.
//!
//! ```text
//!   Client::read(path)                    one request, one wait
//!   Client::pipeline(requests)            many requests, then many replies: one wait
//!   Client::transaction(|tx| ...)         START, whatever the closure asks, END; again while the store says EAGAIN
//!   Client::commit(requests)              START | requests | END: three waits     commit_blind: START | requests and END: two
//!   Client::wait_event(timeout)           events that came between replies are queued, merged and bounded
//! ```
//!
//! [`Counters`] tells how many requests were sent and how often the client waited for the store: what a toolstack's speed hangs on.

mod error;
mod events;
mod exchange;
mod loopback;
mod request;
mod requests;
mod socket;
mod transaction;

use std::io::{self, Read, Write};
use std::time::Duration;

pub use error::ClientError;
pub use events::Event;
pub use loopback::Loopback;
pub use request::Request;
pub use requests::Requests;
pub use socket::SocketTransport;
pub use transaction::Tx;

use crate::wire::{MsgType, Parser, XsError};
use events::Events;

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
pub(crate) struct TxId(u32);

impl TxId {
    const NONE: TxId = TxId(0);
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
    parser: Parser,
    events: Events,
    next_request: u32,
    counters: Counters,
}

impl<T: Transport> Client<T> {
    /// Speaks through a transport that is connected.
    pub fn new(transport: T) -> Client<T> {
        Client { transport, parser: Parser::default(), events: Events::default(), next_request: 1, counters: Counters::default() }
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
            Some(bytes) => {
                self.parser.push(bytes);
                Ok(())
            }
        }
    }

    /// The next event of any watch, after at most `timeout` without a byte from the store; `None` then.
    pub fn wait_event(&mut self, timeout: Option<Duration>) -> Result<Option<Event>, ClientError> {
        loop {
            while let Some(message) = self.parser.next_message()? {
                if message.kind != MsgType::WatchEvent.number() {
                    return Err(ClientError::Protocol("a reply that nobody waits for"));
                }
                self.events.push(&message.payload);
            }
            if let Some(event) = self.events.pop()? {
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
