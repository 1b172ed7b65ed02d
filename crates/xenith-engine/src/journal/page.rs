//! One operation's file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use uuid::Uuid;

use super::{Mark, Operation, Progress};

/// An operation's page while it runs.
#[derive(Debug)]
pub struct Page {
    path: PathBuf,
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
    /// The kill came before the first line was whole: nothing was done.
    NothingBegun,
    Unreadable,
}

impl Page {
    pub(super) fn begin(path: PathBuf, operation: &Operation) -> io::Result<Page> {
        let file = OpenOptions::new().append(true).create_new(true).open(&path)?;
        let mut page = Page { path, file };
        page.line(operation)?;
        Ok(page)
    }

    /// Writes how far the operation got.
    pub fn mark(&mut self, mark: &Mark) -> io::Result<()> {
        self.line(mark)
    }

    /// The operation is over: forgets it.
    pub fn close(self) -> io::Result<()> {
        std::fs::remove_file(self.path)
    }

    /// The operation's id, as the file's name has it.
    #[must_use]
    pub fn id(&self) -> Option<Uuid> {
        Uuid::try_parse(self.path.file_stem()?.to_str()?).ok()
    }

    /// One write per line, so that a kill cuts at most the last.
    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }

    pub(super) fn reopen(path: &Path) -> io::Result<Reopened> {
        let text = std::fs::read_to_string(path)?;
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or(""));
        let mut lines = whole.lines();
        let Some(first) = lines.next() else { return Ok(Reopened::NothingBegun) };
        let marks: Result<Vec<Mark>, _> = lines.map(serde_json::from_str).collect();
        let (Ok(operation), Ok(marks)) = (serde_json::from_str(first), marks) else { return Ok(Reopened::Unreadable) };
        let file = OpenOptions::new().append(true).open(path)?;
        file.set_len(whole.len() as u64 + 1)?;
        let page = Page { path: path.to_owned(), file };
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
