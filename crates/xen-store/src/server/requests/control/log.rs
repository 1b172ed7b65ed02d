//! `log` and `logfile`: the protocol as it is spoken, on demand.

use std::fmt::Write as _;

use super::super::super::{ConnId, ConnKind, Effect, Server};
use super::super::Result;
use super::{Answer, text};
use crate::wire::{Header, MsgType, XsError};

/// What can be logged, by C xenstored's names, so that scripts work: requests and replies are `io`; the others say nothing here.
const SWITCHES: [&str; 5] = ["obj", "io", "wrl", "acc", "tdb"];
const IO: usize = 1;
/// Bytes of a payload that a line shows.
const SHOWN: usize = 256;

/// Whether the protocol is logged. Off until somebody asks.
#[derive(Debug)]
pub(in crate::server) struct Trace {
    on: bool,
    switches: [bool; SWITCHES.len()],
}

impl Default for Trace {
    fn default() -> Trace {
        Trace { on: false, switches: [true, true, false, false, false] }
    }
}

impl Trace {
    /// Whether requests and replies are logged.
    pub fn speaks(&self) -> bool {
        self.on && self.switches.get(IO).is_some_and(|on| *on)
    }
}

impl Server {
    /// Nothing: the switches. `on`, `off`, `+SWITCH`, `-SWITCH`.
    pub(super) fn log(&mut self, arguments: &[&[u8]]) -> Result<Answer> {
        match arguments {
            [] => return Ok(Answer::Text(self.switches())),
            [b"on"] => self.trace.on = true,
            [b"off"] => self.trace.on = false,
            [[b'+', name @ ..]] => self.switch(name, true)?,
            [[b'-', name @ ..]] => self.switch(name, false)?,
            _ => return Err(XsError::Invalid),
        }
        Ok(Answer::Ok)
    }

    /// Where lines go from now on.
    pub(super) fn log_file(&mut self, file: &[u8]) -> Result<Answer> {
        self.trace.on = true;
        self.effects.push_back(Effect::LogFile(text(file)));
        Ok(Answer::Ok)
    }

    fn switch(&mut self, name: &[u8], on: bool) -> Result<()> {
        let at = SWITCHES.iter().position(|known| known.as_bytes() == name).ok_or(XsError::Invalid)?;
        if let Some(switch) = self.trace.switches.get_mut(at) {
            *switch = on;
        }
        Ok(())
    }

    fn switches(&self) -> String {
        let mut text = String::from("Log switch settings:\n");
        for (name, on) in SWITCHES.iter().zip(self.trace.switches) {
            let _ = writeln!(text, "{name:<8}: {}", if on { "on" } else { "off" });
        }
        text
    }

    /// Logs one message to or from a client.
    pub(in crate::server) fn trace_message(&mut self, conn: ConnId, direction: &str, header: Header, payload: &[u8]) {
        let subject = match self.connections.get(&conn).map(|connection| connection.kind) {
            Some(ConnKind::Ring(domid)) => domid.to_string(),
            _ => format!("socket {}", conn.0),
        };
        let name = MsgType::from_number(header.kind).map_or_else(|| format!("type {}", header.kind), |kind| kind.name().to_owned());
        let shown = payload.get(..SHOWN).unwrap_or(payload);
        let payload: String = shown.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { ' ' }).collect();
        let line = format!("{subject} {direction} {name} {} {} ({payload})", header.req_id, header.tx_id);
        self.effects.push_back(Effect::Trace(line));
    }
}
