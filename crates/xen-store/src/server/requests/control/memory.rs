//! `memreport`: where the memory is.

use std::fmt::Write as _;

use super::super::super::{Effect, Server};
use super::super::Result;
use super::{Answer, text};
use crate::wire::XsError;

impl Server {
    /// Nothing: into the log. A file: appended to it.
    pub(super) fn memory_report(&mut self, arguments: &[&[u8]]) -> Result<Answer> {
        let file = match arguments {
            [] => None,
            [file] => Some(text(file)),
            _ => return Err(XsError::Invalid),
        };
        let report = self.memory_table();
        self.effects.push_back(Effect::MemoryReport { file, report });
        Ok(Answer::Ok)
    }

    fn memory_table(&self) -> String {
        let report = self.report();
        let mut text = String::new();
        let _ = writeln!(text, "store: {} nodes, {} watches, {} clients", report.nodes, report.watches, report.clients.len());
        for client in &report.clients {
            let _ = writeln!(
                text,
                "{}: {} nodes, {} bytes of nodes, {} bytes held, {} unread, {} watches, {} transactions",
                client.name(),
                client.nodes,
                client.node_bytes,
                client.held,
                client.unread,
                client.watches,
                client.transactions
            );
        }
        text
    }
}
