//! `live-update`: another program takes over while everybody stays connected.
//!
//! ```text
//!   -f FILE -> OK     -c ARGUMENTS -> OK     -s [-t SECONDS] [-F] [-v VERSION] -> (the shell works) -> OK, or why not     -a -> OK
//!   one session at a time, by the client that said -f; its end is the end of the session
//! ```

use std::time::Duration;

use super::super::super::{ConnId, Effect, LiveUpdateRequest, Server};
use super::super::{Result, atoi};
use super::{Answer, text};
use crate::image::{ImageError, Reader, Writer};
use crate::wire::{HEADER_LEN, Header, XsError};

/// A session that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::server) struct LiveUpdate {
    conn: ConnId,
    file: String,
    arguments: Option<String>,
    started: bool,
}

impl LiveUpdate {
    /// Writes it into the state image. Whether it was started is not in it: its asker's request is looked at again.
    pub fn encode(&self, body: &mut Writer) {
        body.number(self.conn.0).string(self.file.as_bytes()).flag(self.arguments.is_some());
        body.rest(self.arguments.as_deref().unwrap_or_default().as_bytes());
    }

    /// Started again: gives its asker.
    pub fn resume(&mut self) -> ConnId {
        self.started = true;
        self.conn
    }

    /// Reads [`LiveUpdate::encode`].
    pub fn decode(body: &mut Reader<'_>) -> Result<LiveUpdate, ImageError> {
        let (conn, file) = (ConnId(body.number()?), body.text()?.to_owned());
        let arguments = body.flag()?.then(|| String::from_utf8_lossy(body.rest()).into_owned());
        Ok(LiveUpdate { conn, file, arguments, started: false })
    }
}

const OK: &str = "OK";

impl Server {
    pub(super) fn live_update(&mut self, conn: ConnId, arguments: &[&[u8]]) -> Result<Answer> {
        // C answers a text in either case, and tools look whether it is OK.
        let problem = match arguments {
            [b"-a"] => self.abort_live_update(),
            [b"-f", file] => self.begin_live_update(conn, text(file)),
            [b"-c", line] => self.live_update_arguments(conn, text(line)),
            [b"-s", options @ ..] => match self.start_live_update(conn, options)? {
                None => return Ok(Answer::Later),
                problem => problem,
            },
            _ => return Err(XsError::Invalid),
        };
        Ok(Answer::Text(problem.unwrap_or(OK).to_owned()))
    }

    fn begin_live_update(&mut self, conn: ConnId, file: String) -> Option<&'static str> {
        let alive = self.live_update.as_ref().is_some_and(|session| self.connections.contains_key(&session.conn));
        if alive {
            return Some("another live update is under way");
        }
        self.live_update = Some(LiveUpdate { conn, file, arguments: None, started: false });
        None
    }

    fn live_update_arguments(&mut self, conn: ConnId, line: String) -> Option<&'static str> {
        match self.live_update.as_mut().filter(|session| session.conn == conn && !session.started) {
            Some(session) => {
                session.arguments = Some(line);
                None
            }
            None => Some("no live update was begun here"),
        }
    }

    fn abort_live_update(&mut self) -> Option<&'static str> {
        let Some(session) = self.live_update.take() else { return Some("no live update is under way") };
        if session.started {
            self.effects.push_back(Effect::AbortLiveUpdate);
            self.finish_live_update(session.conn, "the live update was aborted");
        }
        None
    }

    fn start_live_update(&mut self, conn: ConnId, options: &[&[u8]]) -> Result<Option<&'static str>> {
        let (mut force, mut timeout, mut version) = (false, Duration::ZERO, None);
        let number = |text: Option<&&[u8]>| text.map(|text| u32::try_from(atoi(text)).unwrap_or_default()).ok_or(XsError::Invalid);
        let mut options = options.iter();
        while let Some(option) = options.next() {
            match *option {
                b"-F" => force = true,
                b"-t" => timeout = Duration::from_secs(number(options.next())?.into()),
                b"-v" => version = Some(number(options.next())?),
                _ => return Err(XsError::Invalid),
            }
        }
        let Some(session) = self.live_update.as_mut().filter(|session| session.conn == conn) else {
            let done = std::mem::take(&mut self.asked_again);
            return Ok(Some(if done { OK } else { "no live update was begun here" }));
        };
        session.started = true;
        let request =
            LiveUpdateRequest { asker: conn, file: session.file.clone(), arguments: session.arguments.clone(), timeout, force, version };
        self.effects.push_back(Effect::LiveUpdate(request));
        Ok(None)
    }

    /// We are the outcome of oxenstored's live update: its asker asks again until somebody says OK.
    pub fn came_by_live_update(&mut self) {
        self.asked_again = true;
    }

    /// The shell's answer to [`Effect::LiveUpdate`]: it is done, or why it cannot be. The asker reads either.
    pub fn live_updated(&mut self, asker: ConnId, outcome: Result<(), &str>) {
        let ours = self.live_update.as_ref().is_none_or(|session| session.conn == asker);
        if ours {
            self.live_update = None;
            self.finish_live_update(asker, outcome.err().unwrap_or(OK));
        }
    }

    fn finish_live_update(&mut self, asker: ConnId, answer: &str) {
        let parked = self.connections.get_mut(&asker).and_then(|connection| connection.parked.take());
        if let Some(message) = parked {
            let header = Header { kind: message.kind, req_id: message.req_id, tx_id: message.tx_id, len: 0 };
            let mut reply = vec![0; HEADER_LEN];
            reply.extend_from_slice(answer.as_bytes());
            reply.push(0);
            self.send_reply(asker, header, reply, Ok(()));
        }
        self.wake(asker);
    }
}
