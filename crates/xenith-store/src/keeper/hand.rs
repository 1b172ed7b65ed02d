//! One worker, seen by the keeper.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::Shutdown;
use xen_store::server::ConnId;

use crate::error::StoreError;
use crate::pair::{Answers, Channel, Message, PairError, Questions, Received, Word};

/// Seconds that one which is told to end has for it.
const PATIENCE: i64 = 5;

/// A worker's process.
pub trait Process {
    /// Ends it, if it has not ended, and waits for that.
    fn end(&mut self) -> Ended;
}

/// How a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// For the log.
    pub how: String,
    /// Somebody killed it: it was not its fault.
    pub killed: bool,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how)
    }
}

/// Starts a worker: of this program, or of the one at this path.
pub type Launch<'a> = Box<dyn FnMut(Option<&Path>, Channel, Questions) -> io::Result<Box<dyn Process>> + 'a>;

/// One worker.
pub(super) struct Hand {
    process: Box<dyn Process>,
    channel: Channel,
    pub answers: Answers,
    /// What it is to hear once it has room.
    queue: VecDeque<Message>,
    /// It has opened what it needs.
    pub ready: bool,
    /// It serves.
    pub serves: bool,
}

/// What goes with messages.
pub(super) struct Descriptors<'a> {
    pub image: BorrowedFd<'a>,
    pub events: BorrowedFd<'a>,
    pub clients: &'a BTreeMap<ConnId, OwnedFd>,
}

impl Hand {
    /// Starts it.
    pub fn launch(launch: &mut Launch<'_>, program: Option<&Path>) -> Result<Hand, StoreError> {
        let (channel, theirs) = Channel::pair()?;
        let (questions, answers) = Questions::pair()?;
        let process = launch(program, theirs, questions).map_err(|source| StoreError::Wait { what: "starting a worker", source })?;
        Ok(Hand { process, channel, answers, queue: VecDeque::new(), ready: false, serves: false })
    }

    /// Lets it hear something, in the order of these calls.
    pub fn say(&mut self, message: Message) {
        self.queue.push_back(message);
    }

    /// Lets it hear what it has room for.
    pub fn flush(&mut self, with: &Descriptors<'_>) -> Result<(), PairError> {
        while let Some(message) = self.queue.front() {
            let descriptor = match message.word {
                Word::Image => Some(with.image),
                Word::Events => Some(with.events),
                Word::Client => match with.clients.get(&ConnId(message.number)) {
                    Some(socket) => Some(socket.as_fd()),
                    None => {
                        self.queue.pop_front();
                        continue;
                    }
                },
                _ => None,
            };
            match self.channel.send(message, descriptor) {
                Ok(()) => _ = self.queue.pop_front(),
                Err(PairError::Socket(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether it has not heard everything yet.
    pub fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    /// What to wait for on its channel.
    pub fn awaited(&self) -> PollFlags {
        if self.is_behind() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN }
    }

    /// Hears what it says.
    pub fn hear(&self) -> Result<Received, PairError> {
        self.channel.receive()
    }

    /// Says that it is to end, and waits a while for it to do so.
    pub fn end_in_peace(&mut self, with: &Descriptors<'_>) -> Ended {
        self.say(Message::of(Word::End));
        if self.flush(with).is_ok() {
            let time = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
            let _ = poll(&mut [PollFd::new(&self.channel, PollFlags::empty())], Some(&time));
        }
        self.end()
    }

    /// Ends it.
    pub fn end(&mut self) -> Ended {
        let _ = rustix::net::shutdown(&self.channel, Shutdown::Both);
        let _ = rustix::net::shutdown(&self.answers, Shutdown::Both);
        self.process.end()
    }
}

impl AsFd for Hand {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}
