//! Getting ready for another program: no transaction is open that it could not carry on.
//!
//! ```text
//!   hold_transactions(true)    TRANSACTION_START waits from now on; those that are open go on to their end
//!   open_transactions()        who still has some
//!   hold_transactions(false)   nothing came of it: those who waited are served
//! ```
//!
//! A START that waits is part of the dump, as a request that nobody has looked at yet.

use std::collections::VecDeque;

use super::{ConnId, ConnKind, Server};

/// Clients whose TRANSACTION_START waits, while any does.
pub(super) type HeldStarts = Option<VecDeque<ConnId>>;

impl Server {
    /// Makes new transactions wait, or lets them begin.
    pub fn hold_transactions(&mut self, hold: bool) {
        if hold {
            self.held_starts.get_or_insert_default();
            return;
        }
        for conn in self.held_starts.take().unwrap_or_default() {
            let parked = self.connections.get_mut(&conn).and_then(|connection| connection.parked.take());
            if let Some(message) = parked {
                self.handle(conn, message);
            }
            self.wake(conn);
        }
    }

    /// Whether a transaction must wait; then its asker is noted.
    pub(super) fn holds_start(&mut self, conn: ConnId) -> bool {
        let Some(held) = &mut self.held_starts else { return false };
        held.push_back(conn);
        true
    }

    /// Clients with open transactions, as a log line names them, and how many.
    #[must_use]
    pub fn open_transactions(&self) -> Vec<(String, usize)> {
        let open = self.connections.iter().filter(|(_, connection)| !connection.transactions.is_empty());
        open.map(|(conn, connection)| {
            let name = match connection.kind {
                ConnKind::Ring(domid) => domid.to_string(),
                ConnKind::Socket => format!("socket {}", conn.0),
            };
            (name, connection.transactions.len())
        })
        .collect()
    }
}
