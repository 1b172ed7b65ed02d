//! TRANSACTION_START, TRANSACTION_END.

use super::super::fairness::{Footprint, Start};
use super::super::transaction::{Surroundings, Transaction};
use super::super::{ConnId, Server};
use super::{Outcome, Result, ack};
use crate::perms::Identity;
use crate::wire::{Message, XsError, one_string};

impl Server {
    /// `|` -> `id|`.
    pub(super) fn transaction_start(&mut self, conn: ConnId, who: &Identity, tx_id: u32, reply: &mut Vec<u8>) -> Result<Outcome> {
        if tx_id != 0 {
            return Err(XsError::Busy);
        }
        let connection = self.connections.get_mut(&conn).ok_or(XsError::Io)?;
        if !who.privileged && connection.transactions.len() > self.domains.limits(connection.kind, &self.quota).transactions {
            return Err(XsError::NoSpace);
        }
        if self.holds_start(conn) {
            return Ok(Outcome::Parked);
        }
        let connection = self.connections.get_mut(&conn).ok_or(XsError::Io)?;
        let start = self.fairness.start(conn);
        if matches!(start, Start::Wait) {
            return Ok(Outcome::Parked);
        }
        let id = connection.fresh_transaction_id();
        connection.transactions.insert(id, Transaction::start(&self.tree, &self.domains));
        if matches!(start, Start::Leased) {
            self.fairness.lease(conn, id);
        }
        reply.extend_from_slice(format!("{id}\0").as_bytes());
        Ok(Outcome::Reply)
    }

    /// `T|` or `F|` -> `OK|`, or EAGAIN. Whatever the answer, the transaction is over; only a malformed request leaves it open.
    pub(super) fn transaction_end(&mut self, conn: ConnId, who: &Identity, message: &Message, reply: &mut Vec<u8>) -> Result<Outcome> {
        let commit = match one_string(&message.payload) {
            Some(b"T") => true,
            Some(b"F") => false,
            _ => return Err(XsError::Invalid),
        };
        let connection = self.connections.get_mut(&conn).ok_or(XsError::Io)?;
        let transaction = connection.transactions.remove(&message.tx_id).ok_or(XsError::NoEntry)?;
        connection.kept.dead.extend(transaction.slots());
        self.fairness.transaction_over(conn, message.tx_id);
        if commit {
            let footprint = self.fairness.may_claim(conn).then(|| Footprint::of(transaction.touched(&connection.home)));
            let held = connection.held();
            let mut around =
                Surroundings::new(&mut self.generation, &self.domains, &self.quota, *who, (connection.kind, &connection.home), held);
            let outcome = transaction.commit(&mut self.tree, &mut around);
            if matches!(outcome, Err(XsError::Again)) {
                self.fairness.refused(conn, footprint);
            }
            self.deliver(&outcome?);
        }
        self.fairness.served(conn);
        ack(reply);
        Ok(Outcome::Reply)
    }
}
