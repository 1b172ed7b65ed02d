//! CONTROL: what xenstore-control says.

use std::fmt::Write as _;

use xen_abi::DomId;

use super::super::{Effect, Server};
use super::{Outcome, Result, ack, atoi};
use crate::wire::{XsError, strings};

/// The commands and their arguments, as `help` lists them.
const COMMANDS: &[(&str, &str)] = &[("check", ""), ("print", "<string>"), ("quota", "[<domid>]"), ("help", "")];

impl Server {
    /// `command|argument|...` -> text.
    pub(super) fn control(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let mut fields = strings(payload);
        let command = fields.next().ok_or(XsError::Invalid)?;
        let arguments: Vec<&[u8]> = fields.collect();
        let text = match (command, arguments.as_slice()) {
            (b"check", []) => self.check_counts()?,
            (b"print", [line]) => {
                self.effects.push_back(Effect::Print(String::from_utf8_lossy(line).into_owned()));
                None
            }
            (b"quota", []) => Some(self.quota_table()),
            (b"quota", [domid]) => Some(self.quota_of(domid)?),
            (b"help", []) => Some(help()),
            _ => return Err(XsError::Invalid),
        };
        match text {
            None => ack(reply),
            Some(text) => {
                reply.extend_from_slice(text.as_bytes());
                reply.push(0);
            }
        }
        Ok(Outcome::Reply)
    }

    /// Counts every node again and compares with the accounts: EIO where they differ.
    fn check_counts(&self) -> Result<Option<String>> {
        let mut counted = crate::quota::Accounts::default();
        for (node, path_len) in self.tree.all() {
            counted.change(node.perms().owner(), |account| {
                account.nodes += 1;
                account.memory += (node.size() + path_len) as u64;
            });
        }
        let same = counted.iter().eq(self.tree.accounts().iter());
        if same { Ok(None) } else { Err(XsError::Io) }
    }

    fn quota_table(&self) -> String {
        let mut text = String::from("Quota settings:\n");
        for (name, limit, meaning) in self.quota.table() {
            let _ = writeln!(text, "{name:<17}: {limit:>8} {meaning}");
        }
        text
    }

    fn quota_of(&self, domid: &[u8]) -> Result<String> {
        let domid = u16::try_from(atoi(domid)).map(DomId).map_err(|_| XsError::NoEntry)?;
        let domain = self.domains.get(domid).ok_or(XsError::NoEntry)?;
        let account = self.tree.accounts().get(domid);
        let connection = domain.ring.and_then(|conn| self.connections.get(&conn));
        let held = connection.map_or(0, |connection| connection.held());
        let mut text = format!("Domain {}:\n", domid.0);
        let rows = [
            ("nodes", u64::from(account.nodes)),
            ("watches", connection.map_or(0, |connection| connection.watches.len() as u64)),
            ("outstanding", connection.map_or(0, |connection| connection.outbox.replies() as u64)),
            ("memory", account.memory + held),
            ("transactions", connection.map_or(0, |connection| connection.transactions.len() as u64)),
        ];
        for (name, value) in rows {
            let _ = writeln!(text, "{name:<17}: {value:>8}");
        }
        Ok(text)
    }
}

fn help() -> String {
    let lines = COMMANDS.iter().map(|(name, arguments)| format!("{name:<15} {arguments}\n"));
    lines.collect()
}
