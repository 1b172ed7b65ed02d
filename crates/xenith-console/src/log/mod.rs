//! The log of one console: size-capped, and congruent with the ring, so that a process killed anywhere neither loses nor repeats a byte.
//!
//! ```text
//!   NAME.log     what the domain said; appended first, then the ring's out_cons is advanced
//!   NAME.log.1   the log before it: when an append would exceed the cap, NAME.log takes this name
//!   NAME.pos     which byte of which file is which index of the ring ("anchors"), written only at start and at rotation:
//!                    {"session": "...", "anchors": [{"file": 4711, "offset": 120, "index": 4000}]}
//!
//!   next index to log = anchor.index + (length of the file - anchor.offset)      modulo 2^32
//! ```
//!
//! The file's length is the truth: it changes in the same system call that stores the bytes, so nothing needs to be written beside it. A
//! restarted process computes the index from it; bytes that the ring still holds because the old process died before out_cons are left out,
//! exactly. The computed index is believed only when the ring itself allows it (`out_cons <= index <= out_prod`): another console daemon may
//! have served in between, or the domain's number been used again, and then the log goes on at the ring's own index with a new anchor.
//!
//! Rotation, each arrow a place to die: create NAME.log.new -> NAME.pos with both files' anchors -> NAME.log becomes NAME.log.1 ->
//! NAME.log.new becomes NAME.log. Files are told by inode, so whichever name they have, the right anchor is found.
//!
//! When the disk is full the guest does not wait for it: its output is dropped from the log, the position is withdrawn, and once the disk takes
//! bytes again a line in the log says how many are missing.

pub mod disk;
mod position;
#[cfg(test)]
pub(crate) mod tests;

use std::io;
use std::sync::Arc;

use disk::{LogDir, LogFile, read_tail};
use position::{Anchor, Position};

/// How a log went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A console seen for the first time.
    New,
    /// Where the process before us stopped.
    Continued,
    /// The same console, but its ring has moved on (or back) without us.
    Moved,
}

/// The log of one console.
pub struct Log {
    dir: Arc<dyn LogDir>,
    name: String,
    session: String,
    cap: u64,
    /// The ring index that the next appended byte must have.
    index: u32,
    state: State,
}

enum State {
    Open {
        file: Box<dyn LogFile>,
        length: u64,
        anchor: Anchor,
    },
    /// Nothing can be written; this many bytes are missing.
    Broken {
        missing: u64,
    },
}

impl Log {
    /// Opens the log `name` for a console. `session` tells this life of the domain's console from every other; `ring` are out_cons and out_prod
    /// as the ring says. Gives the log and how it goes on; [`Log::index`] is where the ring must be read from.
    #[must_use]
    pub fn open(dir: Arc<dyn LogDir>, name: &str, session: &str, cap: u64, ring: (u32, u32)) -> (Log, Start, Option<io::Error>) {
        let mut log =
            Log { dir, name: name.to_owned(), session: session.to_owned(), cap, index: ring.0, state: State::Broken { missing: 0 } };
        match log.resume(ring) {
            Ok(start) => (log, start, None),
            Err(error) => (log, Start::New, Some(error)),
        }
    }

    /// The ring index of the next byte to be logged.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The log's name, without endings.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn file_name(&self, ending: &str) -> String {
        format!("{}{ending}", self.name)
    }

    fn current(&self) -> io::Result<Box<dyn LogFile>> {
        let name = self.file_name(".log");
        if let Some(file) = self.dir.open(&name)? {
            return Ok(file);
        }
        // A rotation stopped between its two renames.
        let next = self.file_name(".log.new");
        if let Some(file) = self.dir.open(&next)? {
            self.dir.rename(&next, &name)?;
            return Ok(file);
        }
        self.dir.create(&name)
    }

    fn resume(&mut self, (cons, prod): (u32, u32)) -> io::Result<Start> {
        let file = self.current()?;
        let length = file.length()?;
        let position = self.position()?;
        let same = position.session == self.session;
        let anchor = position.anchor_of(file.id()).filter(|anchor| same && anchor.offset <= length);
        if let Some(anchor) = anchor {
            let index = anchor.index_at(length);
            if index.wrapping_sub(cons) <= prod.wrapping_sub(cons) {
                self.index = index;
                self.state = State::Open { file, length, anchor };
                return Ok(Start::Continued);
            }
        }
        self.begin(file, length, cons)?;
        Ok(if same { Start::Moved } else { Start::New })
    }

    /// Goes on at `index` of the ring with a new anchor at the file's end.
    fn begin(&mut self, file: Box<dyn LogFile>, length: u64, index: u32) -> io::Result<()> {
        let anchor = Anchor { file: file.id(), offset: length, index };
        self.save(vec![anchor])?;
        self.index = index;
        self.state = State::Open { file, length, anchor };
        Ok(())
    }

    fn position(&self) -> io::Result<Position> {
        let Some(file) = self.dir.open(&self.file_name(".pos"))? else {
            return Ok(Position::default());
        };
        Ok(Position::parse(&read_tail(file.as_ref(), 0, position::LIMIT)?))
    }

    fn save(&self, anchors: Vec<Anchor>) -> io::Result<()> {
        let position = Position { session: self.session.clone(), anchors };
        self.dir.replace(&self.file_name(".pos"), &position.to_bytes())
    }

    /// Logs bytes of the ring, the first at [`Log::index`]. They count as taken whatever happens: an error tells that from here on bytes are
    /// missing, and comes once.
    pub fn append(&mut self, bytes: &[u8]) -> Option<io::Error> {
        let was_open = matches!(self.state, State::Open { .. });
        let before = self.index;
        let result = if was_open { self.write(bytes) } else { self.recover(bytes) };
        let done = self.index.wrapping_sub(before);
        let missing = (bytes.len() as u64).saturating_sub(u64::from(done));
        self.index = before.wrapping_add(bytes.len() as u32);
        let error = result.err()?;
        match &mut self.state {
            State::Broken { missing: sum } => *sum += missing,
            State::Open { .. } => {
                // A position that no longer tells the truth is worse than none. If this fails too, the length lags behind the ring, which a
                // restart sees.
                let _ = self.dir.remove(&self.file_name(".pos"));
                self.state = State::Broken { missing };
            }
        }
        was_open.then_some(error)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let State::Open { length, .. } = &self.state
            && *length > 0
            && length.saturating_add(bytes.len() as u64) > self.cap
        {
            self.rotate()?;
        }
        let mut rest = bytes;
        while let (State::Open { file, length, .. }, false) = (&mut self.state, rest.is_empty()) {
            let written = file.append(rest)?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            *length += written as u64;
            self.index = self.index.wrapping_add(written as u32);
            rest = rest.get(written..).unwrap_or_default();
        }
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let State::Open { anchor: old, .. } = self.state else { return Ok(()) };
        let (log, next) = (self.file_name(".log"), self.file_name(".log.new"));
        let file = self.dir.create(&next)?;
        let anchor = Anchor { file: file.id(), offset: 0, index: self.index };
        self.save(vec![old, anchor])?;
        self.dir.rename(&log, &self.file_name(".log.1"))?;
        self.dir.rename(&next, &log)?;
        self.state = State::Open { file, length: 0, anchor };
        Ok(())
    }

    /// Tries to log again after a failure: a new anchor behind a line that says what is missing, the line, the bytes. Dying before the line
    /// is whole leaves a file shorter than its anchor, which counts as none.
    fn recover(&mut self, bytes: &[u8]) -> io::Result<()> {
        let State::Broken { missing } = self.state else { return Ok(()) };
        let mut file = self.current()?;
        let length = file.length()?;
        let note = match missing {
            0 => String::new(),
            _ => format!("\r\n[xenith: {missing} bytes of output could not be logged]\r\n"),
        };
        let anchor = Anchor { file: file.id(), offset: length + note.len() as u64, index: self.index };
        self.save(vec![anchor])?;
        if !note.is_empty() && file.append(note.as_bytes())? < note.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.state = State::Open { file, length: anchor.offset, anchor };
        self.write(bytes)
    }

    /// Withdraws the position, once the ring itself says how far the log has come. Believed later, it would pass off the first words of a ring
    /// that begins again at 0 (soft reset) as said before.
    pub fn settled(&self) {
        // A console that stopped is no place for an error: what it costs is what it cost without.
        let _ = self.dir.remove(&self.file_name(".pos"));
    }

    /// The last bytes that this life of the console logged, at most `limit`: what a viewer of a restarted process sees first.
    #[must_use]
    pub fn tail(&self, limit: usize) -> Vec<u8> {
        self.try_tail(limit).unwrap_or_default()
    }

    fn try_tail(&self, limit: usize) -> io::Result<Vec<u8>> {
        let State::Open { file, length, anchor } = &self.state else { return Ok(Vec::new()) };
        let from = anchor.offset.max(length.saturating_sub(limit as u64));
        let newest = read_tail(file.as_ref(), from, limit)?;
        let left = limit - newest.len();
        let older = match self.dir.open(&self.file_name(".log.1"))? {
            Some(old) if left > 0 && anchor.offset == 0 => match self.position()?.anchor_of(old.id()) {
                Some(anchor) => read_tail(old.as_ref(), anchor.offset.max(old.length()?.saturating_sub(left as u64)), left)?,
                None => Vec::new(),
            },
            _ => Vec::new(),
        };
        Ok([older, newest].concat())
    }
}

/// The files of a log that a reader may stream, oldest first.
#[must_use]
pub fn files(name: &str) -> [String; 2] {
    [format!("{name}.log.1"), format!("{name}.log")]
}
