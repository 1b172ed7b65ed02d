//! The conversation itself, without I/O: for a loop of the caller's own (epoll, tokio), and under [`super::Client`].
//!
//! ```text
//!   send(request) -> Ticket    output() --> write what fits --> sent(count)
//!   readable: feed(bytes)      next() -> Reply(ticket, ...) | Event | EventsLost | nothing more yet
//!   pump(stream)               both ways at once, for a stream that does not block
//! ```
//!
//! Memory is bounded: a message of at most 4 KiB that is not yet whole, a reply for each request sent, 4096 events or 1 MiB of them. A reply
//! goes before an event that came earlier: an event only says that something is to be read again.
//!
//! A loop of one's own, here with poll; one that has other things to wait for adds them to the list:
//!
//! ```no_run
//! use std::os::unix::net::UnixStream;
//!
//! use rustix::event::{PollFd, PollFlags, poll};
//! use xen_abi::DomId;
//! use xen_store::client::{Incoming, Request, Session, candidates};
//! use xen_store::path;
//!
//! fn follow(domid: DomId) -> Result<(), Box<dyn std::error::Error>> {
//!     let mut socket = UnixStream::connect(candidates().remove(0))?;
//!     socket.set_nonblocking(true)?;
//!     let mut session = Session::new();
//!     let name = path::domain(domid).name();
//!     session.send(&Request::watch(&name, "name"))?;
//!     loop {
//!         session.pump(&mut socket)?;
//!         while let Some(incoming) = session.next() {
//!             match incoming {
//!                 // Every watch fires once when it is made: the first value comes this way, too.
//!                 Incoming::Event(_) | Incoming::EventsLost => _ = session.send(&Request::read(&name))?,
//!                 Incoming::Reply(_, Ok(value)) => println!("{}", String::from_utf8_lossy(&value)),
//!                 Incoming::Reply(_, Err(error)) => println!("{error}"),
//!             }
//!         }
//!         let unsent = if session.output().is_empty() { PollFlags::empty() } else { PollFlags::OUT };
//!         poll(&mut [PollFd::new(&socket, PollFlags::IN | unsent)], None)?;
//!     }
//! }
//! ```

use std::collections::VecDeque;
use std::io::{self, Read, Write};

use super::events::Events;
use super::{ClientError, Event, Reply, Request, TxId};
use crate::wire::{self, Message, MsgType, Parser, XsError};

/// Names a request until its reply is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u32);

impl Ticket {
    /// How many requests were sent after `first` and before this one.
    pub(super) fn since(self, first: Ticket) -> usize {
        self.0.wrapping_sub(first.0) as usize
    }
}

/// What the store said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// The answer to a request.
    Reply(Ticket, Reply),
    /// A watch fired.
    Event(Event),
    /// More events came than were taken, and some were dropped: look at everything that is watched.
    EventsLost,
}

/// One connection's conversation.
#[derive(Debug, Default)]
pub struct Session {
    parser: Parser,
    events: Events,
    replies: VecDeque<(Ticket, Reply)>,
    /// Requests without a reply, oldest first.
    asked: VecDeque<(Ticket, MsgType)>,
    out: Vec<u8>,
    written: usize,
    last: u32,
}

impl Session {
    /// A conversation that begins.
    #[must_use]
    pub fn new() -> Session {
        Session::default()
    }

    /// Puts a request at the end of [`Session::output`].
    pub fn send(&mut self, request: &Request) -> Result<Ticket, ClientError> {
        self.send_in(TxId::NONE, request)
    }

    /// The same in a transaction.
    pub fn send_in(&mut self, tx: TxId, request: &Request) -> Result<Ticket, ClientError> {
        let ticket = Ticket(self.last.wrapping_add(1));
        wire::encode(request.kind().number(), ticket.0, tx.0, request.payload(), &mut self.out)?;
        self.last = ticket.0;
        self.asked.push_back((ticket, request.kind()));
        Ok(ticket)
    }

    /// Bytes for the store; from their start on, as many as can be written.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.out.get(self.written..).unwrap_or_default()
    }

    /// So many of them were written.
    pub fn sent(&mut self, count: usize) {
        self.written = self.written.saturating_add(count);
        if self.written >= self.out.len() {
            self.out.clear();
            self.written = 0;
        }
    }

    /// Takes bytes of the store, in any split. After an error the conversation is over.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), ClientError> {
        self.parser.push(bytes);
        let too_long = |_| ClientError::Protocol("a message longer than the protocol allows");
        while let Some(message) = self.parser.next_message().map_err(too_long)? {
            if message.kind == MsgType::WatchEvent.number() {
                self.events.push(&message.payload);
            } else {
                let reply = self.reply(message)?;
                self.replies.push_back(reply);
            }
        }
        Ok(())
    }

    /// The next that the store said, if there is one.
    #[allow(clippy::should_implement_trait, reason = "none now does not mean none later")]
    pub fn next(&mut self) -> Option<Incoming> {
        if let Some((ticket, reply)) = self.replies.pop_front() {
            return Some(Incoming::Reply(ticket, reply));
        }
        match self.events.pop() {
            Ok(event) => event.map(Incoming::Event),
            Err(_) => Some(Incoming::EventsLost),
        }
    }

    /// Reads until the stream has no more for now and writes until it takes no more. The stream must not block. An end of file is
    /// [`ClientError::Closed`].
    pub fn pump(&mut self, stream: &mut (impl Read + Write)) -> Result<(), ClientError> {
        while !self.output().is_empty() {
            match stream.write(self.output()) {
                Ok(count) => self.sent(count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut bytes = [0; 8192];
        loop {
            match stream.read(&mut bytes) {
                Ok(0) => return Err(ClientError::Closed),
                Ok(count) => self.feed(bytes.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The oldest reply that was not taken yet.
    pub(super) fn next_reply(&mut self) -> Option<(Ticket, Reply)> {
        self.replies.pop_front()
    }

    /// The oldest event that was not taken yet.
    pub(super) fn next_event(&mut self) -> Result<Option<Event>, ClientError> {
        self.events.pop()
    }

    /// Whom a message answers, and what it says. The kernel's device answers some requests by itself, so the order is not relied on.
    fn reply(&mut self, message: Message) -> Result<(Ticket, Reply), ClientError> {
        let ticket = Ticket(message.req_id);
        let at = self.asked.iter().position(|(asked, _)| *asked == ticket);
        let (_, kind) = at.and_then(|at| self.asked.remove(at)).ok_or(ClientError::Protocol("a reply that nobody waits for"))?;
        match message.kind {
            said if said == MsgType::Error.number() => Ok((ticket, Err(XsError::from_payload(&message.payload)))),
            said if said == kind.number() => Ok((ticket, Ok(message.payload))),
            _ => Err(ClientError::Protocol("a reply of another type than the request")),
        }
    }
}
