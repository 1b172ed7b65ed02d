//! The worker: everything that clients say, in a process that has no right but to the descriptors that it holds.
//!
//! ```text
//!   opens what is its own (grants, dom0's ring) -> gives its rights up -> Ready -> the keeper's words -> Serving
//!
//!   turn:  core -> commit -> replies, again while there is more -> domains are told -> wait -> receive
//!          nothing is sent, and no ring's index moves, before it is written down what that is the answer to
//! ```

mod beginning;
mod clients;
mod live_update;
mod mailbox;
mod renewal;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use xen_store::server::ConnId;

pub use beginning::{Adopt, Means, Open, Opened};
use beginning::{Beginning, begin};
use clients::Clients;
use renewal::Renewal;

use crate::error::{StoreError, wait};
use crate::pair::{Channel, Message, PairError, Questions, Received, Word};
use crate::store::Store;

const KEEPER: u64 = 0;
const EVENTS: u64 = 1;
/// Client tokens are their connection's number and this.
const CLIENTS: u64 = 2;

/// Times that one turn serves who is always ready.
const ROUNDS: usize = 64;

/// Whoever waits on descriptors, and for what.
struct Loop<'a> {
    epoll: BorrowedFd<'a>,
    keeper: &'a Channel,
    clients: Clients<'a>,
    store: Store,
    /// When the core's time began.
    started: Instant,
    renewal: Renewal,
    /// Work is left that nobody announces.
    again: bool,
    /// Until when a live update waits for transactions to end, and whether it goes on then.
    freeze_by: Option<(Duration, bool)>,
}

/// Serves until the keeper says that it is time to end, or is gone.
pub fn work(keeper: &Channel, questions: Questions, means: Means) -> Result<(), StoreError> {
    let Some(Beginning { store, mailbox, clients: connected, renewal }) = begin(keeper, questions, means)? else { return Ok(()) };
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(wait("epoll_create"))?;
    let watch = |descriptor: BorrowedFd<'_>, token| {
        epoll::add(&epoll, descriptor, epoll::EventData::new_u64(token), epoll::EventFlags::IN).map_err(wait("epoll_ctl"))
    };
    watch(keeper.as_fd(), KEEPER)?;
    let events = store.seams().map(|seams| seams.events.clone());
    if let Some(events) = &events {
        watch(events.ready(), EVENTS)?;
    }
    let clients = Clients::new(epoll.as_fd(), mailbox);
    let mut working =
        Loop { epoll: epoll.as_fd(), keeper, clients, store, started: Instant::now(), renewal, again: false, freeze_by: None };
    for (conn, socket) in connected {
        working.clients.add(conn, socket, &mut working.store);
    }
    // From here on the image is ours: whoever we succeed goes on only where we never say this.
    keeper.send(&Message::of(Word::Serving), None)?;
    while working.turn()? {}
    Ok(())
}

impl Loop<'_> {
    /// Does what there is to do, waits for more, and hears it; `false` when it is time to end.
    fn turn(&mut self) -> Result<bool, StoreError> {
        self.work();
        self.store.notify_moved();
        self.tell_who_left()?;
        if !self.look_after_live_update()? {
            return Ok(false);
        }
        let timeout = self.timeout();
        let mut ready = Vec::with_capacity(256);
        match epoll::wait(self.epoll, spare_capacity(&mut ready), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(wait("epoll_wait")(error)),
        }
        self.store.tick(self.started.elapsed());
        for event in ready {
            let flags = event.flags;
            match event.data.u64() {
                KEEPER if !self.listen()? => return Ok(false),
                KEEPER => {}
                EVENTS => _ = self.store.take_events()?,
                token => {
                    if !self.clients.may_receive() {
                        self.work();
                    }
                    self.clients.ready(token - CLIENTS, flags, &mut self.store);
                }
            }
        }
        Ok(true)
    }

    /// Works until nothing is left that no event will announce, or until somebody who goes on and on has had a share.
    fn work(&mut self) {
        self.again = true;
        for _ in 0..ROUNDS {
            self.store.work();
            self.clients.commit(&mut self.store);
            self.look_at_image();
            // Requests that waited for room, or for a ring's indices to be seen, can be served now.
            if self.clients.settle(&mut self.store) && !self.store.server().has_ready() && !self.store.has_work() {
                self.again = false;
                return;
            }
        }
    }

    /// Hears what the keeper says; `false` when it is time to end.
    fn listen(&mut self) -> Result<bool, StoreError> {
        loop {
            match self.keeper.receive()? {
                Received::Nothing => return Ok(true),
                Received::End => return Ok(false),
                Received::Message(Message { word: Word::End, .. }, _) => {
                    self.work();
                    return Ok(false);
                }
                Received::Message(Message { word: Word::Client, number, .. }, Some(socket)) => {
                    self.store.connect_as(ConnId(number));
                    self.clients.add(ConnId(number), socket, &mut self.store);
                }
                Received::Message(message, _) => self.hear_of_live_update(&message)?,
            }
        }
    }

    fn tell_who_left(&mut self) -> Result<(), StoreError> {
        for conn in self.clients.take_left() {
            say(self.keeper, &Message::about(Word::Gone, conn.0))?;
        }
        Ok(())
    }

    /// How long to wait for descriptors: not at all where work is left that nobody announces, and never beyond the core's next deadline.
    fn timeout(&self) -> Option<Timespec> {
        if self.again || self.store.has_work() {
            return Some(Timespec::default());
        }
        let deadline = self.store.next_deadline().into_iter().chain(self.look_at_live_update_by()).chain(self.renewal.due()).min()?;
        Timespec::try_from(deadline.saturating_sub(self.started.elapsed())).ok()
    }
}

/// Waits until the keeper has room to hear it: it always hears.
fn say(keeper: &Channel, message: &Message) -> Result<(), StoreError> {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        match keeper.send(message, None) {
            Err(PairError::Socket(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let room = poll(&mut [PollFd::new(keeper, PollFlags::OUT)], None);
                room.map(drop).or_else(|error| if error == Errno::INTR { Ok(()) } else { Err(error) }).map_err(wait("poll"))?;
            }
            said => return Ok(said?),
        }
    }
}

/// Waits for the keeper to say something. `None` once it is gone.
fn hear(keeper: &Channel) -> Result<Option<(Message, Option<OwnedFd>)>, StoreError> {
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        match keeper.receive()? {
            Received::Message(message, descriptor) => return Ok(Some((message, descriptor))),
            Received::End => return Ok(None),
            Received::Nothing => match poll(&mut [PollFd::new(keeper, PollFlags::IN)], None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(wait("poll")(error)),
            },
        }
    }
}
