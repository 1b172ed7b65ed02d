//! Events that came and were not read yet: bounded, so that a flood from the guests' side cannot fill the toolstack's memory (XSA-349).

use std::collections::{HashSet, VecDeque};

use super::ClientError;
use crate::wire::strings;

/// Most events that wait; beyond that they are dropped, and the reader is told.
const MAX: usize = 4096;
/// Most bytes of paths and tokens that wait: an event may have 4 KiB.
const MAX_BYTES: usize = 1 << 20;

/// A watch fired.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// What changed, or the watched path itself where a node above it was removed.
    pub path: String,
    /// The token of the watch.
    pub token: String,
}

impl Event {
    fn size(&self) -> usize {
        self.path.len() + self.token.len()
    }
}

/// Those that wait, each once.
#[derive(Debug, Default)]
pub(super) struct Events {
    queue: VecDeque<Event>,
    waiting: HashSet<Event>,
    bytes: usize,
    lost: bool,
}

impl Events {
    /// Adds an event unless the same one waits already.
    pub fn push(&mut self, payload: &[u8]) {
        let mut fields = strings(payload).map(|field| String::from_utf8_lossy(field).into_owned());
        let (Some(path), Some(token)) = (fields.next(), fields.next()) else { return };
        let event = Event { path, token };
        if self.waiting.contains(&event) {
            return;
        }
        if self.queue.len() >= MAX || self.bytes + event.size() > MAX_BYTES {
            self.lost = true;
            return;
        }
        self.bytes += event.size();
        self.waiting.insert(event.clone());
        self.queue.push_back(event);
    }

    /// The oldest event. Once after a loss, and before anything else, the loss.
    pub fn pop(&mut self) -> Result<Option<Event>, ClientError> {
        if std::mem::take(&mut self.lost) {
            return Err(ClientError::EventsLost);
        }
        let event = self.queue.pop_front();
        if let Some(event) = &event {
            self.waiting.remove(event);
            self.bytes -= event.size();
        }
        Ok(event)
    }
}
