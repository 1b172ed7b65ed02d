//! Socket clients.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use xen_store::server::ConnId;

use super::CLIENTS;
use super::mailbox::Mailbox;
use crate::store::Store;

/// Bytes that one send moves.
const SEND: usize = 64 * 1024;

struct Client {
    socket: OwnedFd,
    /// What epoll watches it for.
    watched: EventFlags,
    /// The socket's buffer is full.
    full: bool,
}

/// All socket clients, by connection.
pub(super) struct Clients<'a> {
    epoll: BorrowedFd<'a>,
    mailbox: Mailbox,
    all: BTreeMap<ConnId, Client>,
    /// Clients whose state may have changed since epoll was last told.
    touched: Vec<ConnId>,
    /// What is to be sent.
    buffer: Vec<u8>,
    /// Who left since this was last asked.
    left: Vec<ConnId>,
}

impl<'a> Clients<'a> {
    pub fn new(epoll: BorrowedFd<'a>, mailbox: Mailbox) -> Clients<'a> {
        Clients { epoll, mailbox, all: BTreeMap::new(), touched: Vec::new(), buffer: Vec::with_capacity(SEND), left: Vec::new() }
    }

    /// A client that the core knows.
    pub fn add(&mut self, conn: ConnId, socket: OwnedFd, store: &mut Store) {
        let watched = EventFlags::IN;
        let token = EventData::new_u64(conn.0 + CLIENTS);
        match epoll::add(self.epoll, &socket, token, watched) {
            Ok(()) => {
                self.all.insert(conn, Client { socket, watched, full: false });
                // It may be owed something.
                self.touched.push(conn);
            }
            Err(error) => {
                tracing::warn!("store: cannot watch a client: {error}");
                store.disconnect(conn);
                self.left.push(conn);
            }
        }
    }

    /// A client's socket has something to read, can be written, or is gone.
    pub fn ready(&mut self, number: u64, flags: EventFlags, store: &mut Store) {
        let conn = ConnId(number);
        let Some(client) = self.all.get_mut(&conn) else { return };
        if flags.contains(EventFlags::OUT) {
            client.full = false;
        }
        self.touched.push(conn);
        let hung_up = flags.intersects(EventFlags::HUP | EventFlags::ERR);
        if (hung_up || flags.contains(EventFlags::IN)) && !self.receive(conn, store, hung_up) {
            self.remove(conn, store);
        }
    }

    /// Whether another receive can be noted before the next commit.
    pub fn may_receive(&self) -> bool {
        self.mailbox.may_receive()
    }

    /// Reads what the core has room for, once. `false` when the client is gone.
    fn receive(&mut self, conn: ConnId, store: &mut Store, hung_up: bool) -> bool {
        let Some(client) = self.all.get(&conn) else { return false };
        let room = store.room(conn);
        if room == 0 {
            return !hung_up;
        }
        match self.mailbox.receive(conn, client.socket.as_fd(), room) {
            Ok([]) => false,
            Ok(bytes) => {
                store.input(conn, bytes);
                true
            }
            Err(error) => later(&error),
        }
    }

    /// Writes down what was done; what is owed may be sent then.
    pub fn commit(&mut self, store: &mut Store) {
        store.commit(self.mailbox.mail());
        self.mailbox.committed();
    }

    /// After a commit: sends what is owed, closes those the core is done with, and tells epoll what to watch now. `false` where a commit must
    /// come first before it can go on.
    pub fn settle(&mut self, store: &mut Store) -> bool {
        for conn in store.take_closed_sockets() {
            tracing::warn!("store: client {} broke the protocol or reads nothing; cut off", conn.0);
            self.cut_off(conn, store);
        }
        self.touched.append(&mut store.take_dirty_sockets());
        while let Some(conn) = self.touched.pop() {
            match self.send(conn, store) {
                Sent::All => self.watch(conn, store),
                Sent::Gone => self.remove(conn, store),
                Sent::Later => {
                    self.touched.push(conn);
                    return false;
                }
            }
        }
        true
    }

    /// Sends until nothing is left or the socket is full.
    fn send(&mut self, conn: ConnId, store: &mut Store) -> Sent {
        let Some(client) = self.all.get_mut(&conn) else { return Sent::All };
        while !client.full {
            self.buffer.clear();
            store.output(conn, SEND, &mut self.buffer);
            if self.buffer.is_empty() {
                break;
            }
            if !self.mailbox.may_send() {
                return Sent::Later;
            }
            match self.mailbox.send(conn, client.socket.as_fd(), &self.buffer) {
                Ok(count) => store.sent(conn, count),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => client.full = true,
                Err(error) if later(&error) => {}
                Err(_) => return Sent::Gone,
            }
        }
        Sent::All
    }

    /// Watches a client for what can happen: reading while the core has room, writing while the socket is full.
    fn watch(&mut self, conn: ConnId, store: &Store) {
        let Some(client) = self.all.get_mut(&conn) else { return };
        let mut wanted = EventFlags::empty();
        wanted.set(EventFlags::IN, store.room(conn) > 0);
        wanted.set(EventFlags::OUT, client.full);
        if wanted == client.watched {
            return;
        }
        let token = EventData::new_u64(conn.0 + CLIENTS);
        match epoll::modify(self.epoll, client.socket.as_fd(), token, wanted) {
            Ok(()) => client.watched = wanted,
            Err(error) => tracing::warn!("store: client {}: cannot watch: {error}", conn.0),
        }
    }

    /// Whoever takes this socket up after us must find its end, and not what we refused to read.
    fn cut_off(&mut self, conn: ConnId, store: &mut Store) {
        if let Some(client) = self.all.get(&conn) {
            let _ = rustix::net::shutdown(&client.socket, rustix::net::Shutdown::Both);
        }
        self.remove(conn, store);
    }

    fn remove(&mut self, conn: ConnId, store: &mut Store) {
        if let Some(client) = self.all.remove(&conn) {
            // The keeper has a copy: closing ours does not take it out of epoll.
            if let Err(error) = epoll::delete(self.epoll, &client.socket) {
                tracing::warn!("store: client {}: cannot forget it: {error}", conn.0);
            }
            store.disconnect(conn);
            self.left.push(conn);
        }
    }

    /// Who left since the last call: the keeper can close its copy.
    pub fn take_left(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.left)
    }
}

/// What became of sending.
enum Sent {
    /// All of it, or the socket is full.
    All,
    /// The client is gone.
    Gone,
    /// A commit must come first.
    Later,
}

/// Whether it is worth trying again.
fn later(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
