//! `report`: who does what, in figures, for `xenith store top` and `xenith store metrics`. No stock store has it.
//!
//! ```text
//!   report            the whole, all sockets together, then the domains     store nodes=9 memory=.. ..
//!   report DOMID      the domains from this number on                       tools clients=2 requests=.. ..
//!                                                                           d0 requests=.. ..
//!   a last line `next 17` where a message is full: ask `report 17`          d5 requests=.. ..
//! ```
//!
//! A line is true by itself at the time of its part. Keys may be added; whoever reads it leaves out what it does not know.

use std::fmt::Write as _;

use xen_abi::DomId;

use super::super::super::report::{Work, usage};
use super::super::super::{ConnKind, Server};
use super::super::{Result, atoi};
use super::Answer;
use crate::wire::{PAYLOAD_MAX, XsError};

/// Bytes kept free for the last line and the NUL.
const TAIL: usize = "next 65535\n\0".len();

impl Server {
    /// Nothing: all of it. `DOMID`: from that domain on.
    pub(super) fn report_part(&self, arguments: &[&[u8]]) -> Result<Answer> {
        let (first, mut text) = match arguments {
            [] => (0, self.store_line() + &self.tools_line()),
            [domid] => (u16::try_from(atoi(domid)).map_err(|_| XsError::Invalid)?, String::new()),
            _ => return Err(XsError::Invalid),
        };
        for domid in self.domains.all().map(|(domid, _)| domid).filter(|domid| domid.0 >= first) {
            let line = self.domain_line(domid);
            if text.len() + line.len() + TAIL > PAYLOAD_MAX {
                let _ = writeln!(text, "next {}", domid.0);
                break;
            }
            text += &line;
        }
        Ok(Answer::Text(text))
    }

    fn store_line(&self) -> String {
        let (nodes, memory) = self
            .tree
            .accounts()
            .iter()
            .fold((0, 0), |(nodes, memory), (_, account)| (nodes + u64::from(account.nodes), memory + account.memory));
        let held: u64 = self.connections.values().map(|connection| connection.held()).sum();
        let transactions: usize = self.connections.values().map(|connection| connection.transactions.len()).sum();
        format!(
            "store nodes={nodes} memory={} watches={} transactions={transactions} domains={} clients={} changes={} {}\n",
            memory + held,
            self.watches.len(),
            self.domains.all().count(),
            self.connections.len(),
            self.generation,
            work_words(&self.work),
        )
    }

    /// All sockets, those that left counted in.
    fn tools_line(&self) -> String {
        let mut work = self.tools_left;
        let (mut clients, mut watches, mut transactions, mut held, mut outstanding) = (0, 0, 0, 0, 0);
        for connection in self.connections.values().filter(|connection| connection.kind == ConnKind::Socket) {
            work.add(&connection.work);
            clients += 1;
            watches += connection.watches.len();
            transactions += connection.transactions.len();
            held += connection.held();
            outstanding += connection.outbox.replies();
        }
        format!(
            "tools clients={clients} watches={watches} transactions={transactions} memory={held} outstanding={outstanding} {}\n",
            work_words(&work)
        )
    }

    fn domain_line(&self, domid: DomId) -> String {
        let connection = self.ring_of(domid).and_then(|conn| self.connections.get(&conn));
        let used = usage(self.tree.accounts().get(domid), connection);
        let used = used.iter().map(|(limit, value)| format!("{}={value} ", limit.name()));
        let work = connection.map(|connection| connection.work).unwrap_or_default();
        let broken = u8::from(connection.is_some_and(|connection| connection.broken));
        format!("{domid} {}{} broken={broken}\n", used.collect::<String>(), work_words(&work))
    }
}

fn work_words(work: &Work) -> String {
    let Work { requests, errors, commits, conflicts, events, dropped } = work;
    format!("requests={requests} errors={errors} commits={commits} conflicts={conflicts} events={events} dropped={dropped}")
}
