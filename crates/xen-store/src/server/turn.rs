//! Bytes in, and whose turn it is.

use super::{ConnId, ConnKind, Effect, RingError, Server};

/// Requests that one connection may have answered before the next one gets its turn.
const TURN: usize = 32;

impl Server {
    /// How many bytes the core takes from this client now. 0 while it waits for an answer or reads nothing of what it is owed.
    #[must_use]
    pub fn room(&self, conn: ConnId) -> usize {
        self.connections.get(&conn).map_or(0, |connection| connection.room(self.domains.limits(connection.kind, &self.quota)))
    }

    /// Takes bytes that a client sent.
    pub fn input(&mut self, conn: ConnId, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.push(bytes);
            self.wake(conn);
        }
    }

    /// Whether somebody waits for a turn.
    #[must_use]
    pub fn has_ready(&self) -> bool {
        !self.ready.is_empty() || self.fairness.has_released()
    }

    /// Gives the next ready connection its turn. `false` when none is ready.
    pub fn step(&mut self) -> bool {
        if self.serve_released() {
            return true;
        }
        let Some(conn) = self.ready.pop_front() else { return false };
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.queued = false;
        }
        for _ in 0..TURN {
            if !self.serve_one(conn) {
                return true;
            }
        }
        self.wake(conn);
        true
    }

    /// Serves one request; `false` when the connection has none to serve.
    fn serve_one(&mut self, conn: ConnId) -> bool {
        let Some(connection) = self.connections.get_mut(&conn) else { return false };
        match connection.next_request(self.domains.limits(connection.kind, &self.quota)) {
            Ok(None) => false,
            Ok(Some(message)) => {
                self.note_serving(conn);
                self.handle(conn, message);
                true
            }
            Err(_) => {
                self.break_off(conn, RingError::Protocol);
                false
            }
        }
    }

    /// Puts a connection in line for a turn if it has something to serve.
    pub(super) fn wake(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if !connection.queued && connection.may_be_served(self.domains.limits(connection.kind, &self.quota)) {
            connection.queued = true;
            self.ready.push_back(conn);
        }
    }

    /// Stops listening to a client that broke the protocol; its domain, if any, stays known until it dies. The shell may call this for a
    /// ring whose indices are out of range.
    pub fn break_off(&mut self, conn: ConnId, error: RingError) {
        self.drop_watches(conn);
        self.fairness.forget(conn);
        self.abandon_output(conn);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.break_off();
        let effect = match connection.kind {
            ConnKind::Socket => Effect::Close { conn },
            ConnKind::Ring(domid) => Effect::Stall { conn, domid, error },
        };
        self.effects.push_back(effect);
    }
}
