//! One operation's file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};

use serde::Serialize;

use super::{Claimed, Mark, Operation, Progress};

/// An operation's page while it runs.
#[derive(Debug)]
pub struct Page {
    claimed: Claimed,
    file: File,
}

/// An operation that a daemon left behind.
#[derive(Debug)]
pub struct Unfinished {
    /// Its page, to go on writing.
    pub page: Page,
    /// What was to be done.
    pub operation: Operation,
    /// The last step that may have happened and was not undone; none where nothing was begun or everything was undone.
    pub reached: Option<usize>,
    /// The way back had begun.
    pub undoing: bool,
    /// What was known.
    pub progress: Progress,
}

/// What an old page turned out to be.
pub(super) enum Reopened {
    Operation(Box<Unfinished>),
    /// Its last writer closed it meanwhile, or a kill came before the first line was whole.
    OverOrNotBegun,
    Unreadable,
}

impl Page {
    pub(super) fn begin(claimed: Claimed, operation: &Operation) -> io::Result<Page> {
        let file = OpenOptions::new().append(true).create_new(true).open(&claimed.path)?;
        let mut page = Page { claimed, file };
        page.line(operation)?;
        Ok(page)
    }

    /// Writes how far the operation got.
    pub fn mark(&mut self, mark: &Mark) -> io::Result<()> {
        self.line(mark)
    }

    /// The operation is over: forgets it.
    pub fn close(self) -> io::Result<()> {
        std::fs::remove_file(&self.claimed.path)
    }

    /// One write per line, so that a kill cuts at most the last.
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }

    pub(super) fn reopen(claimed: Claimed) -> io::Result<Reopened> {
        let text = match std::fs::read_to_string(&claimed.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Reopened::OverOrNotBegun),
            read => read?,
        };
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or(""));
        let mut lines = whole.lines();
        let Some(first) = lines.next() else { return Ok(Reopened::OverOrNotBegun) };
        let marks: Result<Vec<Mark>, _> = lines.map(serde_json::from_str).collect();
        let (Ok(operation), Ok(marks)) = (serde_json::from_str(first), marks) else { return Ok(Reopened::Unreadable) };
        let file = OpenOptions::new().append(true).open(&claimed.path)?;
        file.set_len(whole.len() as u64 + 1)?;
        let page = Page { claimed, file };
        let mut unfinished = Unfinished { page, operation, reached: None, undoing: false, progress: Progress::default() };
        marks.into_iter().for_each(|mark| unfinished.apply(mark));
        Ok(Reopened::Operation(Box::new(unfinished)))
    }
}

impl Unfinished {
    fn apply(&mut self, mark: Mark) {
        if let Some(step) = mark.doing {
            self.reached = Some(step);
        }
        if let Some(step) = mark.undone {
            self.reached = step.checked_sub(1);
        }
        self.undoing |= mark.undoing.is_some() || mark.undone.is_some();
        if let Some(progress) = mark.progress {
            self.progress = progress;
        }
    }
}
