//! The event log, event by event.

use std::io::{BufRead, BufReader, Read, Write};

use super::way::{Connection, Way};
use super::{problem, strange};
use crate::v1::{Code, Event, Problem};

/// Events as they come. It ends where the daemon ends it: with the last event, or, when following, when it stops.
#[derive(Debug)]
pub struct Events {
    lines: BufReader<Connection>,
    path: String,
    way: Way,
}

/// The longest line taken, in bytes.
const LINE_MAX: u64 = 4 << 20;

impl Events {
    pub(super) fn read(way: &Way, path: &str) -> Result<Events, Problem> {
        let mut stream = way.connect()?;
        let lost = |error| way.lost("GET", path, &error);
        // Of this version the end of the stream is the end of the answer, with nothing between its lines.
        stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: xenith\r\n\r\n").as_bytes()).map_err(lost)?;
        let mut events = Events { lines: BufReader::new(stream), path: path.to_owned(), way: way.clone() };
        let head = events.head()?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        if status == 200 {
            return Ok(events);
        }
        let mut body = Vec::new();
        events.lines.take(LINE_MAX).read_to_end(&mut body).map_err(lost)?;
        Err(problem("GET", path, status, &body))
    }

    fn head(&mut self) -> Result<String, Problem> {
        let first = self.line()?.unwrap_or_default();
        while self.line()?.is_some_and(|line| !line.trim_end().is_empty()) {}
        Ok(first)
    }

    fn line(&mut self) -> Result<Option<String>, Problem> {
        let mut line = String::new();
        let read = (&mut self.lines).take(LINE_MAX).read_line(&mut line);
        match read {
            Ok(0) => self.cut().map_or(Ok(None), Err),
            Ok(_) => Ok(Some(line)),
            Err(error) => Err(self.lines.get_mut().because(self.way.lost("GET", &self.path, &error))),
        }
    }

    /// The end of the stream is the daemon's, unless it was the way to it that ended.
    fn cut(&mut self) -> Option<Problem> {
        let words = self.lines.get_mut().last_words()?;
        Some(Problem::new(Code::DaemonUnreachable, "events", words, "ask again for what came after the last event that was read"))
    }
}

impl Iterator for Events {
    type Item = Result<Event, Problem>;

    fn next(&mut self) -> Option<Result<Event, Problem>> {
        loop {
            match self.line() {
                Ok(None) => return None,
                // The daemon tells that it is there.
                Ok(Some(line)) if line.trim_end().is_empty() => {}
                Ok(Some(line)) => return Some(serde_json::from_str(&line).map_err(|error| strange(&format!("an event: {error}")))),
                Err(problem) => return Some(Err(problem)),
            }
        }
    }
}
