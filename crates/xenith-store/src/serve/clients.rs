//! Socket clients.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::net::{RecvFlags, SendFlags};
use xen_store::server::ConnId;

use super::CLIENTS;
use crate::store::Store;

/// Bytes that one system call moves.
const CHUNK: usize = 64 * 1024;

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
    all: BTreeMap<ConnId, Client>,
    /// Clients whose state may have changed since epoll was last told.
    touched: Vec<ConnId>,
    /// Where bytes are received: always of full length, so that it is not filled with zeros for every request.
    received: Vec<u8>,
    /// What is to be sent.
    buffer: Vec<u8>,
    /// Somebody left since this was last asked.
    left: bool,
}

impl<'a> Clients<'a> {
    pub fn new(epoll: BorrowedFd<'a>) -> Clients<'a> {
        Clients {
            epoll,
            all: BTreeMap::new(),
            touched: Vec::new(),
            received: vec![0; CHUNK],
            buffer: Vec::with_capacity(CHUNK),
            left: false,
        }
    }

    pub fn add(&mut self, socket: OwnedFd, store: &mut Store) {
        let conn = store.connect();
        self.add_as(conn, socket, store);
    }

    /// A client that the core knows already.
    pub fn add_as(&mut self, conn: ConnId, socket: OwnedFd, store: &mut Store) {
        let watched = EventFlags::IN;
        let token = EventData::new_u64(conn.0 + CLIENTS);
        match epoll::add(self.epoll, &socket, token, watched) {
            Ok(()) => _ = self.all.insert(conn, Client { socket, watched, full: false }),
            Err(error) => {
                tracing::warn!("store: cannot watch a client: {error}");
                store.disconnect(conn);
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

    /// Reads what the core has room for, once. `false` when the client is gone.
    fn receive(&mut self, conn: ConnId, store: &mut Store, hung_up: bool) -> bool {
        let Some(client) = self.all.get(&conn) else { return false };
        let room = store.room(conn).min(CHUNK);
        let Some(into) = self.received.get_mut(..room).filter(|into| !into.is_empty()) else { return !hung_up };
        match rustix::net::recv(&client.socket, into, RecvFlags::empty()) {
            Ok((_, 0)) => false,
            Ok((_, count)) => {
                store.input(conn, self.received.get(..count).unwrap_or_default());
                true
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => true,
            Err(_) => false,
        }
    }

    /// Sends what was made for clients, closes those the core is done with, and tells epoll what to watch now.
    pub fn settle(&mut self, store: &mut Store) {
        loop {
            for conn in store.take_closed_sockets() {
                tracing::warn!("store: client {} broke the protocol or reads nothing; cut off", conn.0);
                self.remove(conn, store);
            }
            self.touched.append(&mut store.take_dirty_sockets());
            let Some(conn) = self.touched.pop() else { return };
            if self.send(conn, store) {
                self.watch(conn, store);
            } else {
                self.remove(conn, store);
            }
        }
    }

    /// Sends until nothing is left or the socket is full. `false` when the client is gone.
    fn send(&mut self, conn: ConnId, store: &mut Store) -> bool {
        let Some(client) = self.all.get_mut(&conn) else { return true };
        while !client.full {
            self.buffer.clear();
            store.output(conn, CHUNK, &mut self.buffer);
            if self.buffer.is_empty() {
                break;
            }
            match rustix::net::send(&client.socket, &self.buffer, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
                Ok(count) => store.sent(conn, count),
                Err(rustix::io::Errno::AGAIN) => client.full = true,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return false,
            }
            // Requests that waited for room are served now; their replies go out in the same loop.
            store.work();
        }
        true
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

    fn remove(&mut self, conn: ConnId, store: &mut Store) {
        if let Some(client) = self.all.remove(&conn) {
            // Closing the descriptor takes it out of epoll; it has no copies.
            drop(client);
            store.disconnect(conn);
            self.left = true;
        }
    }

    /// Everybody's descriptor.
    pub fn descriptors(&self) -> impl Iterator<Item = (ConnId, BorrowedFd<'_>)> {
        self.all.iter().map(|(conn, client)| (*conn, client.socket.as_fd()))
    }

    /// Whether somebody left since the last call: a descriptor is free.
    pub fn take_left(&mut self) -> bool {
        std::mem::take(&mut self.left)
    }
}
