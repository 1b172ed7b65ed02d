//! The event log: one order, numbers without holes, on disk.
//!
//! ```text
//!   /var/lib/xenith/events/00000000000000000001.ndjson     a line per event; the name is the first one's number
//!                          00000000000000004711.ndjson     a new file each MiB; the oldest of sixteen goes
//!
//!   append --one write--> file --> watch: the last number --> readers read from the files, each at its own pace
//!   open   --> the last line that a kill cut short goes --> Standing: what the log says is there
//! ```
//!
//! A write is in the kernel when `append` returns, so a kill of the daemon loses nothing. It is not synced: a crash of the host ends the domains too.

mod segment;
mod standing;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;
use xenith_api::latest::{Event, EventDomain, EventKind};

use segment::Segment;
pub(crate) use standing::Standing;

/// How large a file may grow, in bytes, before the next one begins.
const SEGMENT_BYTES: u64 = 1 << 20;
/// How many files are kept.
const SEGMENTS: usize = 16;

/// An event without number and time.
#[derive(Clone, Debug)]
pub struct Draft {
    event: Event,
}

impl Draft {
    /// Something of this kind.
    #[must_use]
    pub fn new(kind: EventKind, detail: impl Into<String>) -> Draft {
        let event = Event {
            seq: 0,
            time_ms: 0,
            kind,
            detail: detail.into(),
            domain: None,
            reason: None,
            operation: None,
            caller: None,
            next: None,
        };
        Draft { event }
    }

    /// About this domain.
    #[must_use]
    pub fn domain(mut self, name: &str, domid: Option<u16>, uuid: Uuid) -> Draft {
        self.event.domain = Some(EventDomain { name: name.to_owned(), domid, uuid });
        self
    }

    /// With why it stopped.
    #[must_use]
    pub fn reason(mut self, reason: &str) -> Draft {
        self.event.reason = Some(reason.to_owned());
        self
    }

    /// As part of this operation.
    #[must_use]
    pub fn operation(mut self, id: Uuid) -> Draft {
        self.event.operation = Some(id);
        self
    }

    /// Caused by them.
    #[must_use]
    pub fn caller(mut self, caller: &str) -> Draft {
        self.event.caller = Some(caller.to_owned());
        self
    }
}

/// The log.
#[derive(Debug)]
pub struct EventLog {
    dir: PathBuf,
    inner: Mutex<Inner>,
    last: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    segments: VecDeque<Segment>,
    /// The newest file, open for writing.
    file: Option<File>,
    bytes: u64,
    standing: Standing,
}

/// What a reader gets.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The lines, in order, each with its event's number and kind.
    pub lines: Vec<(u64, EventKind, String)>,
    /// Where to go on.
    pub last: u64,
}

impl EventLog {
    /// Opens the log in this directory, which is made where it is missing.
    pub fn open(dir: &Path) -> io::Result<EventLog> {
        std::fs::create_dir_all(dir)?;
        let segments = segment::all(dir)?;
        let mut inner = Inner { segments, file: None, bytes: 0, standing: Standing::default() };
        let mut last = inner.segments.front().map_or(0, |first| first.first.saturating_sub(1));
        inner.standing.begins_at(last);
        for segment in &inner.segments {
            for event in segment.read(dir)?.0 {
                last = event.seq;
                inner.standing.note(&event);
            }
        }
        if let Some(newest) = inner.segments.back() {
            inner.bytes = newest.mend(dir)?;
            inner.file = Some(OpenOptions::new().append(true).open(newest.path(dir))?);
        }
        Ok(EventLog { dir: dir.to_owned(), inner: Mutex::new(inner), last: watch::Sender::new(last) })
    }

    /// Writes events, all of them or, where the disk is full, none; the log is then silent about them, and the daemon's own log tells why.
    pub fn append(&self, now: Duration, drafts: Vec<Draft>) {
        let mut inner = self.lock();
        let mut seq = *self.last.borrow();
        let mut text = Vec::new();
        let mut events = Vec::new();
        for Draft { mut event } in inner.standing.whole(drafts) {
            if inner.standing.knows(&event) {
                continue;
            }
            seq += 1;
            (event.seq, event.time_ms) = (seq, u64::try_from(now.as_millis()).unwrap_or(u64::MAX));
            if serde_json::to_writer(&mut text, &event).is_ok() {
                text.push(b'\n');
            }
            inner.standing.note(&event);
            events.push(event);
        }
        let Some(first) = events.first().map(|event| event.seq) else { return };
        match inner.write(&self.dir, first, &text) {
            Ok(()) => {
                self.last.send_replace(seq);
            }
            Err(error) => tracing::error!("events {}: cannot be written: {error}; see that the disk has room", self.dir.display()),
        }
    }

    /// Events after this number, up to a few hundred. Where some of them are gone, the first line tells so.
    pub fn read(&self, since: u64) -> io::Result<Batch> {
        let mut segments: Vec<Segment> = self.lock().segments.iter().copied().collect();
        let last = *self.last.borrow();
        if since >= last {
            return Ok(Batch { lines: Vec::new(), last: since.min(last) });
        }
        let mut batch = Batch { lines: Vec::new(), last: since };
        let oldest = segments.first().map_or(last + 1, |segment| segment.first);
        if since + 1 < oldest {
            batch.gap(oldest);
        }
        let next = batch.last + 1;
        let from = segments.iter().rposition(|segment| segment.first <= next).unwrap_or(0);
        for segment in segments.drain(from..).take(2) {
            batch.take(segment.lines(&self.dir)?, last);
        }
        Ok(batch)
    }

    /// The number of the last event.
    #[must_use]
    pub fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// What the log says is there.
    pub(crate) fn standing(&self) -> Standing {
        self.lock().standing.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self, dir: &Path, first: u64, text: &[u8]) -> io::Result<()> {
        if self.file.is_none() || self.bytes >= SEGMENT_BYTES {
            let segment = Segment { first };
            self.file = Some(OpenOptions::new().append(true).create(true).open(segment.path(dir))?);
            self.bytes = 0;
            self.segments.push_back(segment);
            while self.segments.len() > SEGMENTS {
                if let Some(oldest) = self.segments.pop_front() {
                    std::fs::remove_file(oldest.path(dir))?;
                }
            }
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        match file.write(text)? {
            whole if whole == text.len() => self.bytes += text.len() as u64,
            // A disk that is full half way: the part goes again.
            _ => {
                file.set_len(self.bytes)?;
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        Ok(())
    }
}

/// The most lines of a batch.
const BATCH: usize = 500;

impl Batch {
    fn gap(&mut self, oldest: u64) {
        self.last = oldest - 1;
        let mut gap = Draft::new(EventKind::Gap, format!("events before {oldest} are no longer kept")).event;
        (gap.seq, gap.next) = (oldest - 1, Some(oldest));
        let line = serde_json::to_string(&gap).unwrap_or_default();
        self.lines.push((gap.seq, gap.kind, line));
    }

    fn take(&mut self, lines: Vec<(Event, String)>, last: u64) {
        for (event, line) in lines {
            if event.seq > self.last && event.seq <= last && self.lines.len() < BATCH {
                self.last = event.seq;
                self.lines.push((event.seq, event.kind, line));
            }
        }
    }
}

#[cfg(test)]
mod tests;
