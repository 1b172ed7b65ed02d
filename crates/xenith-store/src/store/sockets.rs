//! The socket side: whoever holds the sockets moves bytes by these, and calls [`Store::settle`] when it has fed some.

use xen_store::server::{ConnId, ConnKind};

use super::Store;

impl Store {
    /// Keeps everything in an empty image from now on.
    pub fn keep(&mut self, image: xen_store::image::Image) {
        self.server.keep(image);
    }

    /// Takes a socket client in.
    pub fn connect(&mut self) -> ConnId {
        self.server.connect(ConnKind::Socket)
    }

    /// Takes a socket client in whom the keeper has numbered.
    pub fn connect_as(&mut self, conn: ConnId) {
        self.server.connect_as(conn, ConnKind::Socket);
    }

    /// Forgets a socket client that went away.
    pub fn disconnect(&mut self, conn: ConnId) {
        self.server.disconnect(conn);
    }

    /// How many bytes may be read from the client now.
    #[must_use]
    pub fn room(&self, conn: ConnId) -> usize {
        self.server.room(conn)
    }

    /// Takes bytes that the client sent.
    pub fn input(&mut self, conn: ConnId, bytes: &[u8]) {
        self.server.input(conn, bytes);
    }

    /// Appends up to `max` bytes for the client to `into`; they stay here until [`Store::sent`].
    pub fn output(&self, conn: ConnId, max: usize, into: &mut Vec<u8>) {
        self.server.output(conn, max, into);
    }

    /// The client's socket took this many bytes.
    pub fn sent(&mut self, conn: ConnId, bytes: usize) {
        self.server.sent(conn, bytes);
    }

    /// Sockets that got something to send since the last call.
    pub fn take_dirty_sockets(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.dirty_sockets)
    }

    /// Sockets to be closed: their clients broke the protocol.
    pub fn take_closed_sockets(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.closed_sockets)
    }
}
