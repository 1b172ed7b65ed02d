//! One connection to the console socket.
//!
//! ```text
//!   Asking --line--> Viewing     bytes both ways until either side ends
//!               +--> Reading     the files of a log, then the end
//!               +--> Ending      the reply, then the end
//! ```

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use xen_abi::DomId;

use crate::log::disk::LogFile;
use crate::viewers::ViewerId;

/// What a connection is for.
pub enum Stage {
    /// Its request is not whole yet.
    Asking(Vec<u8>),
    /// It looks at a console.
    Viewing {
        /// As whom.
        viewer: ViewerId,
        /// At whose.
        domid: DomId,
        /// It takes no more for now.
        full: bool,
        /// It sends no more.
        mute: bool,
    },
    /// It reads a log.
    Reading(Vec<Part>),
    /// It gets the reply and nothing more.
    Ending,
}

/// What is left of a file of a log, as long as it was when it was asked for.
pub struct Part {
    /// The file.
    pub file: Box<dyn LogFile>,
    /// Where to go on.
    pub offset: u64,
    /// Where to stop.
    pub end: u64,
}

/// A connection.
pub struct Client {
    /// It never blocks.
    pub stream: UnixStream,
    /// A reply that is still to be written.
    pub reply: Vec<u8>,
    /// What it is for.
    pub stage: Stage,
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Stays,
    /// It is to be closed.
    Goes,
}

impl Client {
    /// A new connection.
    pub fn new(stream: UnixStream) -> Client {
        Client { stream, reply: Vec::new(), stage: Stage::Asking(Vec::new()) }
    }

    /// Whether it is to be shown what comes: it looks at a console and is not full, or has something left to get. What it waits for to be
    /// writable is told by the poll instead.
    pub fn waits_for_output(&self) -> bool {
        match &self.stage {
            Stage::Viewing { full, .. } => !full && self.reply.is_empty(),
            Stage::Asking(_) | Stage::Reading(_) | Stage::Ending => false,
        }
    }

    /// Writes what is left of the reply. Whether it is out.
    pub fn flush(&mut self) -> io::Result<bool> {
        while !self.reply.is_empty() {
            match self.stream.write(&self.reply) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => drop(self.reply.drain(..count)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Writes as much of a log as the connection takes.
    pub fn send_log(&mut self) -> io::Result<Fate> {
        let Stage::Reading(parts) = &mut self.stage else { return Ok(Fate::Stays) };
        let mut buffer = [0; 16 << 10];
        while let Some(part) = parts.first_mut() {
            let left = usize::try_from(part.end.saturating_sub(part.offset)).unwrap_or(usize::MAX).min(buffer.len());
            let count = match buffer.get_mut(..left) {
                Some(room) if left > 0 => part.file.read_at(part.offset, room)?,
                _ => 0,
            };
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                parts.remove(0);
                continue;
            };
            match self.stream.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => part.offset += written as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Fate::Stays),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Fate::Goes)
    }
}

/// Reads at most `room` bytes; none for the end, and empty where nothing is there yet.
pub fn read_some(mut from: impl Read, room: usize) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = vec![0; room];
    match from.read(&mut buffer) {
        Ok(0) => Ok(None),
        Ok(count) => {
            buffer.truncate(count);
            Ok(Some(buffer))
        }
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(Some(Vec::new())),
        Err(error) => Err(error),
    }
}
