//! CONTROL: what xenstore-control says.
//!
//! ```text
//!   command|argument|...  ->  OK|  or a text, or an error;   live-update -s  ->  once the shell has done it, or could not
//! ```

mod check;
mod live_update;
mod log;
mod memory;
mod quota;
mod report;

use super::super::{ConnId, Effect, Server};
use super::{Outcome, Result, ack};
use crate::wire::{XsError, strings};

pub(in crate::server) use live_update::LiveUpdate;
pub(in crate::server) use log::Trace;

/// The commands and their arguments, as `help` lists them.
const COMMANDS: &[(&str, &str)] = &[
    ("check", ""),
    ("log", "[on|off|+<switch>|-<switch>]"),
    ("live-update", "-f <file> | -c <arguments> | -s [-t <seconds>] [-F] [-v <version>] | -a"),
    ("logfile", "<file>"),
    ("memreport", "[<file>]"),
    ("print", "<string>"),
    ("quota", "[set <name> <value>|<domid>|max [-r]]"),
    ("quota-soft", "[set <name> <value>]"),
    ("report", "[<domid>]"),
    ("help", ""),
];

/// What a command amounts to.
enum Answer {
    /// Done.
    Ok,
    /// Something to read.
    Text(String),
    /// The shell answers.
    Later,
}

impl Server {
    /// `command|argument|...` -> text.
    pub(super) fn control(&mut self, conn: ConnId, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let mut fields = strings(payload);
        let command = fields.next().ok_or(XsError::Invalid)?;
        let arguments: Vec<&[u8]> = fields.collect();
        match self.command(conn, command, &arguments)? {
            Answer::Ok => ack(reply),
            Answer::Later => return Ok(Outcome::Parked),
            Answer::Text(text) => {
                reply.extend_from_slice(text.as_bytes());
                reply.push(0);
            }
        }
        Ok(Outcome::Reply)
    }

    fn command(&mut self, conn: ConnId, command: &[u8], arguments: &[&[u8]]) -> Result<Answer> {
        match (command, arguments) {
            (b"check", []) => self.check_counts(),
            (b"log", arguments) => self.log(arguments),
            (b"live-update", arguments) => self.live_update(conn, arguments),
            (b"logfile", [file]) => self.log_file(file),
            (b"memreport", arguments) => self.memory_report(arguments),
            (b"print", [line]) => {
                self.effects.push_back(Effect::Print(text(line)));
                Ok(Answer::Ok)
            }
            (b"quota", arguments) => self.quota(arguments),
            (b"quota-soft", arguments) => self.soft_quota(arguments),
            (b"report", arguments) => self.report_part(arguments),
            (b"help", []) => Ok(Answer::Text(help())),
            _ => Err(XsError::Invalid),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn help() -> String {
    let lines = COMMANDS.iter().map(|(name, arguments)| format!("{name:<15} {arguments}\n"));
    lines.collect()
}
