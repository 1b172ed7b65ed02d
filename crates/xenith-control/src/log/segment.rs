//! One file of the log.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use xenith_api::latest::Event;

/// A file, by its first event's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
}

/// Every file, oldest first. Others' files are left alone.
pub(super) fn all(dir: &Path) -> io::Result<VecDeque<Segment>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let first = name.to_str().and_then(|name| name.strip_suffix(".ndjson")).and_then(|name| name.parse().ok());
        found.extend(first.map(|first| Segment { first }));
    }
    found.sort_by_key(|segment| segment.first);
    Ok(found.into())
}

impl Segment {
    pub(super) fn path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{:020}.ndjson", self.first))
    }

    /// Its events with their lines. A file that went meanwhile is empty; a line that is none of ours is skipped.
    pub(super) fn lines(self, dir: &Path) -> io::Result<Vec<(Event, String)>> {
        let text = match std::fs::read_to_string(self.path(dir)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text?,
        };
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        Ok(whole.lines().filter_map(|line| Some((serde_json::from_str(line).ok()?, line.to_owned()))).collect())
    }

    /// Its events, and how many bytes of it are whole lines.
    pub(super) fn read(self, dir: &Path) -> io::Result<(Vec<Event>, u64)> {
        let lines = self.lines(dir)?;
        let bytes = lines.iter().map(|(_, line)| line.len() as u64 + 1).sum();
        Ok((lines.into_iter().map(|(event, _)| event).collect(), bytes))
    }

    /// Cuts off a last line that is not whole; gives the length then.
    pub(super) fn mend(self, dir: &Path) -> io::Result<u64> {
        let bytes = std::fs::read(self.path(dir))?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end as u64 + 1);
        OpenOptions::new().write(true).open(self.path(dir))?.set_len(whole)?;
        Ok(whole)
    }
}
