//! What a client has not read yet.
//!
//! ```text
//!   [reply |event a|event b|reply ]      a second event a is dropped while the first waits: the client learns the same from one (XSA-326)
//!    ^ sent: bytes of the first message that are gone
//! ```

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::ConnId;
use crate::image::Slot;
use crate::wire::{HEADER_LEN, Header, MsgType, PAYLOAD_MAX};

/// A request of a domain that made events. It counts as outstanding until all of them are read (XSA-326).
#[derive(Debug)]
pub(super) struct Cause(pub ConnId);

/// When an event was made, and by whom.
#[derive(Debug, Default)]
pub(super) struct Origin {
    pub since: Duration,
    pub cause: Option<Arc<Cause>>,
}

#[derive(Debug)]
enum Frame {
    Reply(Vec<u8>),
    Event(Arc<[u8]>, Origin),
}

impl Frame {
    fn bytes(&self) -> &[u8] {
        match self {
            Frame::Reply(bytes) => bytes,
            Frame::Event(bytes, _) => bytes,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Outbox {
    frames: VecDeque<Frame>,
    /// Bytes of the first frame that are sent.
    sent: usize,
    bytes: usize,
    replies: usize,
    /// Events of which nothing is sent yet.
    waiting: HashSet<Arc<[u8]>>,
    /// Number of the next frame that the state image is given.
    next: u64,
    /// Where the state image holds the first frames.
    slots: VecDeque<Slot>,
    /// Where it holds frames that are gone.
    dead: Vec<Slot>,
    /// Those whose events have gone since this was last asked.
    freed: Vec<ConnId>,
}

impl Outbox {
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes not sent yet.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Replies not sent in full.
    pub fn replies(&self) -> usize {
        self.replies
    }

    /// Adds a whole encoded reply.
    pub fn reply(&mut self, message: Vec<u8>) {
        self.bytes += message.len();
        self.replies += 1;
        self.frames.push_back(Frame::Reply(message));
    }

    /// Adds a whole encoded event, unless `may_merge` and the same one waits already.
    pub fn event(&mut self, message: Arc<[u8]>, may_merge: bool, origin: Origin) {
        let is_new = self.waiting.insert(Arc::clone(&message));
        if is_new || !may_merge {
            self.bytes += message.len();
            self.frames.push_back(Frame::Event(message, origin));
        }
    }

    /// Whether an event would be merged with one that waits.
    pub fn is_waiting(&self, message: &[u8]) -> bool {
        self.waiting.contains(message)
    }

    /// Appends up to `max` bytes to `into`, leaving them here.
    pub fn peek(&self, max: usize, into: &mut Vec<u8>) {
        let mut left = max;
        let mut skip = self.sent;
        for frame in &self.frames {
            let bytes = frame.bytes().get(skip..).unwrap_or_default();
            skip = 0;
            let part = bytes.get(..left).unwrap_or(bytes);
            into.extend_from_slice(part);
            left -= part.len();
            if left == 0 {
                return;
            }
        }
    }

    /// Forgets bytes that are sent.
    pub fn sent(&mut self, bytes: usize) {
        // The same event may wait behind the one whose beginning was sent before: only a frame's first byte takes it from those that wait.
        let mut was_begun = self.sent > 0;
        self.sent += bytes.min(self.bytes);
        self.bytes -= bytes.min(self.bytes);
        while let Some(frame) = self.frames.front() {
            if let (Frame::Event(message, _), true) = (frame, self.sent > 0 && !was_begun) {
                self.waiting.remove(message);
            }
            let len = frame.bytes().len();
            if self.sent < len {
                return;
            }
            self.sent -= len;
            was_begun = false;
            self.replies -= usize::from(matches!(frame, Frame::Reply(_)));
            self.dead.extend(self.slots.pop_front());
            if let Some(Frame::Event(_, Origin { cause: Some(cause), .. })) = self.frames.pop_front() {
                self.freed.push(cause.0);
            }
        }
    }

    /// Bytes of the first frame that are sent.
    pub fn sent_of_first(&self) -> usize {
        self.sent
    }

    /// Gives every frame to the state image that it does not hold yet, with its number and whether it is an event.
    pub fn keep(&mut self, mut put: impl FnMut(u64, bool, &[u8]) -> Slot) {
        let known = self.slots.len();
        for frame in self.frames.iter().skip(known) {
            self.slots.push_back(put(self.next, matches!(frame, Frame::Event(..)), frame.bytes()));
            // A number is never used again while a frame has it, though frames may leave from the middle.
            self.next += 1;
        }
    }

    /// Takes a frame back that the state image held; they come in order. `sent`: bytes of the first one that are gone.
    pub fn take_back(&mut self, number: u64, is_event: bool, message: &[u8], slot: Slot, sent: usize) {
        let is_first = self.frames.is_empty();
        self.slots.push_back(slot);
        if is_event {
            self.event(message.into(), false, Origin::default())
        } else {
            self.reply(message.to_vec())
        }
        self.next = number.saturating_add(1);
        if is_first {
            // Before the next one comes: that may be the same event once more.
            self.sent(sent);
        }
    }

    /// Nothing of it is in the image that comes next.
    pub fn forget_image(&mut self) {
        self.slots.clear();
        self.dead.clear();
    }

    /// Where the state image holds frames that are gone since the last call.
    pub fn take_dead(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.dead)
    }

    /// Where the state image holds anything of this.
    pub fn into_slots(self) -> impl Iterator<Item = Slot> {
        self.slots.into_iter().chain(self.dead)
    }

    /// Takes back what [`Outbox::unsent`] gave, into an empty outbox: first the rest of a message whose beginning is sent, then whole messages.
    /// Its events are as old as this moment. `None` for bytes that are not that.
    pub fn restore(&mut self, half_sent: usize, bytes: &[u8], since: Duration) -> Option<()> {
        let (half, mut rest) = bytes.split_at_checked(half_sent)?;
        if !half.is_empty() {
            // What is sent of it is not known any more: one byte stands for it.
            self.reply([&[0], half].concat());
            self.sent(1);
        }
        while let Some((header, after)) = rest.split_first_chunk::<HEADER_LEN>() {
            let header = Header::decode(header);
            let (_, next) = after.split_at_checked(header.len as usize).filter(|_| header.len as usize <= PAYLOAD_MAX)?;
            let (message, _) = rest.split_at_checked(rest.len() - next.len())?;
            match header.kind == MsgType::WatchEvent.number() {
                true => self.event(message.into(), false, Origin { since, cause: None }),
                false => self.reply(message.to_vec()),
            }
            rest = next;
        }
        rest.is_empty().then_some(())
    }

    /// Everything to be sent, and how many bytes of it are the rest of a message whose beginning is sent.
    pub fn unsent(&self) -> (u16, Vec<u8>) {
        let mut bytes = Vec::with_capacity(self.bytes);
        self.peek(usize::MAX, &mut bytes);
        let first = self.frames.front().map_or(0, |frame| frame.bytes().len());
        // A message is shorter than 2^16 bytes.
        let half = if self.sent > 0 { u16::try_from(first - self.sent).unwrap_or_default() } else { 0 };
        (half, bytes)
    }

    /// Forgets events that were made at `before` or earlier and of which nothing is sent yet. Gives how many.
    pub fn expire(&mut self, before: Duration) -> usize {
        let (count, begun) = (self.frames.len(), usize::from(self.sent > 0));
        let mut slots = std::mem::take(&mut self.slots).into_iter();
        for (index, frame) in std::mem::take(&mut self.frames).into_iter().enumerate() {
            let slot = slots.next();
            match frame {
                Frame::Event(message, origin) if index >= begun && origin.since <= before => {
                    self.waiting.remove(&message);
                    self.freed.extend(origin.cause.map(|cause| cause.0));
                    self.bytes -= message.len();
                    self.dead.extend(slot);
                }
                frame => {
                    self.frames.push_back(frame);
                    self.slots.extend(slot);
                }
            }
        }
        count - self.frames.len()
    }

    /// When the oldest event was made of which nothing is sent yet.
    pub fn oldest_event(&self) -> Option<Duration> {
        let since = |frame: &Frame| if let Frame::Event(_, origin) = frame { Some(origin.since) } else { None };
        self.frames.iter().skip(usize::from(self.sent > 0)).find_map(since)
    }

    /// Whose events have gone since the last call.
    pub fn take_freed(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.freed)
    }

    /// Everything goes; gives whose events were among it.
    pub fn abandon(&mut self) -> Vec<ConnId> {
        let Outbox { frames, mut freed, slots, mut dead, next, .. } = std::mem::take(self);
        dead.extend(slots);
        *self = Outbox { dead, next, ..Outbox::default() };
        let causes = frames.into_iter().filter_map(|frame| if let Frame::Event(_, origin) = frame { origin.cause } else { None });
        freed.extend(causes.map(|cause| cause.0));
        freed
    }
}
