//! What a console said last, and who has seen how much of it.
//!
//! ```text
//!            start                                  end        numbers of bytes since the console began; they only grow
//!   ....gone | the last 64 KiB                      |
//!                 ^ viewer A        ^ viewer B      ^ pty      a viewer is a number: it costs nothing and blocks nobody
//! ```
//!
//! A viewer that is slower than the console falls behind `start`; it is told how much it missed and goes on at `start`.

use std::collections::VecDeque;
use std::io;

/// The last bytes of a console.
pub struct History {
    bytes: VecDeque<u8>,
    capacity: usize,
    end: u64,
}

impl History {
    /// An empty history that keeps `capacity` bytes.
    #[must_use]
    pub fn new(capacity: usize) -> History {
        History { bytes: VecDeque::new(), capacity, end: 0 }
    }

    /// The number after the last byte.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The number of the oldest byte that is kept.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.end - self.bytes.len() as u64
    }

    /// Adds bytes at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        let kept = bytes.get(bytes.len().saturating_sub(self.capacity)..).unwrap_or_default();
        let over = (self.bytes.len() + kept.len()).saturating_sub(self.capacity);
        self.bytes.drain(..over);
        self.bytes.extend(kept);
        self.end += bytes.len() as u64;
    }

    /// The bytes from number `from` on, as one of the at most two pieces they lie in; empty at the end.
    fn piece(&self, from: u64) -> &[u8] {
        let skip = usize::try_from(from.saturating_sub(self.start())).unwrap_or(usize::MAX);
        let (first, second) = self.bytes.as_slices();
        match first.get(skip..) {
            Some(piece) if !piece.is_empty() => piece,
            _ => second.get(skip.saturating_sub(first.len())..).unwrap_or_default(),
        }
    }
}

/// How a viewer stands after a pump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    /// It has seen everything.
    Whole,
    /// It takes no more for now.
    Full,
}

/// One viewer's place in a history.
#[derive(Debug, Default)]
pub struct Viewer {
    next: u64,
    /// A note to the viewer of which a part is still to be written.
    note: Vec<u8>,
}

impl Viewer {
    /// A viewer that sees what is kept first, or only what comes from now on.
    #[must_use]
    pub fn new(history: &History, replay: bool) -> Viewer {
        Viewer { next: if replay { history.start() } else { history.end() }, note: Vec::new() }
    }

    /// Whether there is anything to write.
    #[must_use]
    pub fn behind(&self, history: &History) -> bool {
        self.next < history.end() || !self.note.is_empty()
    }

    /// Writes what the viewer has not seen until there is no more or `write` takes no more: it may take a part, and says `WouldBlock`
    /// when it is full. Any other error is the viewer's end.
    pub fn pump(&mut self, history: &History, mut write: impl FnMut(&[u8]) -> io::Result<usize>) -> io::Result<Pumped> {
        while self.behind(history) {
            if self.note.is_empty() && self.next < history.start() {
                let missed = history.start() - self.next;
                self.next = history.start();
                self.note = format!("\r\n[xenith: {missed} bytes skipped, this viewer was too slow]\r\n").into_bytes();
            }
            let piece = if self.note.is_empty() { history.piece(self.next) } else { &self.note };
            let written = match write(piece) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written.min(piece.len()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Pumped::Full),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if self.note.is_empty() {
                self.next += written as u64;
            } else {
                self.note.drain(..written);
            }
        }
        Ok(Pumped::Whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(viewer: &mut Viewer, history: &History, room: usize) -> String {
        let mut seen = Vec::new();
        let _ = viewer.pump(history, |bytes| match room - seen.len() {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            left => {
                let count = bytes.len().min(left).min(3);
                seen.extend_from_slice(&bytes[..count]);
                Ok(count)
            }
        });
        String::from_utf8(seen).unwrap()
    }

    #[test]
    fn the_last_bytes_are_kept() {
        for (pushes, kept, end) in [
            (vec!["abc"], "abc", 3),
            (vec!["abcdefgh", "ij"], "cdefghij", 10),
            (vec!["0123456789abcdef"], "89abcdef", 16),
            (vec!["abc", "", "defghijkl"], "efghijkl", 12),
        ] {
            let mut history = History::new(8);
            for push in pushes {
                history.push(push.as_bytes());
            }
            assert_eq!((history.end(), history.start()), (end, end - kept.len() as u64), "{kept}");
            assert_eq!(seen(&mut Viewer::new(&history, true), &history, 100), kept);
            assert_eq!(seen(&mut Viewer::new(&history, false), &history, 100), "");
        }
    }

    #[test]
    fn a_slow_viewer_misses_and_is_told() {
        let mut history = History::new(8);
        let mut slow = Viewer::new(&history, true);
        let mut quick = Viewer::new(&history, true);
        history.push(b"abcdef");
        assert_eq!(seen(&mut slow, &history, 2), "ab");
        assert_eq!(seen(&mut quick, &history, 100), "abcdef");
        history.push(b"ghijklmn");
        assert_eq!(seen(&mut quick, &history, 100), "ghijklmn");
        // Two bytes fit, then nothing, then the rest: the note is not torn.
        let told = [2, 0, 100].map(|room| seen(&mut slow, &history, room)).concat();
        assert_eq!(told, "\r\n[xenith: 4 bytes skipped, this viewer was too slow]\r\nghijklmn");
        assert!(!slow.behind(&history));
    }

    #[test]
    fn a_broken_viewer_ends() {
        let mut history = History::new(8);
        history.push(b"x");
        let mut viewer = Viewer::new(&history, true);
        assert!(viewer.pump(&history, |_| Err(io::ErrorKind::BrokenPipe.into())).is_err());
        assert!(viewer.pump(&history, |_| Ok(0)).is_err());
    }
}
