//! Requests of clients, once they are whole.

use std::io;

use xen_abi::DomId;

use super::Server;
use super::client::{Part, Stage, read_some};
use super::protocol::{Granted, LogOf, REQUEST_MAX, Refusal, Request, reply};
use crate::attach::fits_a_file;
use crate::log;

impl Server {
    /// Reads more of a request and acts on it when its line is whole. Bytes behind the line are keys already.
    pub(super) fn hear_request(&mut self, id: u64) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        let Stage::Asking(line) = &mut client.stage else { return Ok(()) };
        let Some(bytes) = read_some(&client.stream, REQUEST_MAX.saturating_sub(line.len()))? else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        line.extend_from_slice(&bytes);
        let (request, rest) = match line.iter().position(|byte| *byte == b'\n') {
            Some(end) => (Request::parse(line.get(..end).unwrap_or_default()), line.get(end + 1..).unwrap_or_default().to_vec()),
            None if line.len() < REQUEST_MAX => return Ok(()),
            None => (Err(Refusal::BadRequest(format!("no line feed within {REQUEST_MAX} bytes"))), Vec::new()),
        };
        let answer = request.and_then(|request| self.act(request));
        let Some(client) = self.clients.get_mut(&id) else { return Ok(()) };
        match answer {
            Ok((granted, stage)) => {
                client.reply = reply(Ok(granted));
                client.stage = stage;
            }
            Err(refusal) => {
                client.reply = reply(Err(&refusal));
                client.stage = Stage::Ending;
            }
        }
        if let Stage::Viewing { domid, .. } = &client.stage {
            self.console.input(*domid, &rest);
        }
        Ok(())
    }

    fn act(&mut self, request: Request) -> Result<(Granted, Stage), Refusal> {
        match request {
            Request::Attach { domid, replay } => self.attach(domid, replay),
            Request::Log(whose) => self.log(whose),
            Request::Settle(domid) => {
                self.settle(domid)?;
                Ok((Granted { domid: Some(domid.0), ..Granted::default() }, Stage::Ending))
            }
        }
    }

    /// Brings a console up to date, one of which the store told us only just now included.
    fn settle(&mut self, domid: DomId) -> Result<(), Refusal> {
        match self.console.settle(domid, &mut self.ptys) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::NoConsole(domid)),
            Err(error) => {
                tracing::warn!("{domid} console: {error}");
                Err(Refusal::NoConsole(domid))
            }
        }
    }

    fn attach(&mut self, domid: DomId, replay: bool) -> Result<(Granted, Stage), Refusal> {
        self.settle(domid)?;
        let viewer = self.console.attach(domid, replay).ok_or(Refusal::NoConsole(domid))?;
        let log = self.console.log_name(domid).map(str::to_owned);
        let granted = Granted { domid: Some(domid.0), log, bytes: None };
        Ok((granted, Stage::Viewing { viewer, domid, full: false, mute: false }))
    }

    fn log(&mut self, whose: LogOf) -> Result<(Granted, Stage), Refusal> {
        let name = match whose {
            LogOf::Name(name) if fits_a_file(&name) => name,
            LogOf::Name(name) => return Err(Refusal::NoLog(name)),
            LogOf::Domid(domid) => {
                self.settle(DomId(domid))?;
                self.console.log_name(DomId(domid)).ok_or(Refusal::NoConsole(DomId(domid)))?.to_owned()
            }
        };
        let parts = self.parts(&name).unwrap_or_default();
        if parts.is_empty() {
            return Err(Refusal::NoLog(name));
        }
        let bytes = parts.iter().map(|part| part.end).sum();
        Ok((Granted { domid: None, log: Some(name), bytes: Some(bytes) }, Stage::Reading(parts)))
    }

    fn parts(&self, name: &str) -> io::Result<Vec<Part>> {
        let mut parts = Vec::new();
        for file in log::files(name) {
            if let Some(file) = self.console.means.logs.open(&file)? {
                let end = file.length()?;
                parts.push(Part { file, offset: 0, end });
            }
        }
        Ok(parts)
    }
}
