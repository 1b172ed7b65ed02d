//! The operation journal: one file per operation, written before and after each step, gone when the operation is over.
//!
//! ```text
//!   /run/xenith/journal/<operation id>.jsonl
//!     {"operation":"create","uuid":"...","name":"web",...}       who, what: before anything is done
//!     {"doing":0}                                               step 0 may have happened
//!     {"done":0,"doing":1,"progress":{"domid":5}}               step 0 has happened, step 1 may have
//!     {"undoing":1}                                             the way back has begun: it is never turned again
//!     {"undone":1,"undoing":0}
//! ```
//!
//! A daemon that starts reads every file left there and resumes or unwinds ([`crate::recover`]). The directory is on a tmpfs: a crash of
//! the host ends the domains as well, so nothing is synced. A line that a kill cut short is the last one, and says nothing.

mod entry;
mod page;

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

pub use entry::{
    CreateEntry, DestroyEntry, DumpEntry, Identity, Mark, MemorySize, Operation, Progress, RenameEntry, ResizeEntry, RestartEntry, Size,
    SoftResetEntry,
};
pub use page::{Page, Unfinished};

/// The directory that holds the journal. Clones know of each other's pages.
#[derive(Clone, Debug)]
pub struct Journal {
    dir: PathBuf,
    open: OpenPages,
}

/// The pages that somebody writes now: they are no leftovers.
type OpenPages = Arc<Mutex<HashSet<PathBuf>>>;

impl Journal {
    /// The journal in this directory, which is made where it is missing.
    pub fn open(dir: &Path) -> io::Result<Journal> {
        std::fs::create_dir_all(dir)?;
        Ok(Journal { dir: dir.to_owned(), open: OpenPages::default() })
    }

    /// Begins the page of a new operation; `id` is unique.
    pub fn begin(&self, id: Uuid, operation: &Operation) -> io::Result<Page> {
        Page::begin(Claimed::claim(&self.open, self.path(id)), operation)
    }

    /// Every operation that is not over and that nobody works on, and the files that cannot be read as one.
    pub fn unfinished(&self) -> io::Result<(Vec<Unfinished>, Vec<PathBuf>)> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
        paths.sort();
        let (mut found, mut unreadable) = (Vec::new(), Vec::new());
        for path in paths {
            let Some(claimed) = Claimed::try_claim(&self.open, path.clone()) else { continue };
            match Page::reopen(claimed)? {
                page::Reopened::Operation(unfinished) => found.push(*unfinished),
                page::Reopened::OverOrNotBegun => remove(&path)?,
                page::Reopened::Unreadable => unreadable.push(path),
            }
        }
        Ok((found, unreadable))
    }

    fn path(&self, id: Uuid) -> PathBuf {
        self.dir.join(format!("{id}.jsonl"))
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The right to write a page, until it is dropped.
#[derive(Debug)]
struct Claimed {
    path: PathBuf,
    open: OpenPages,
}

impl Claimed {
    fn claim(open: &OpenPages, path: PathBuf) -> Claimed {
        lock(open).insert(path.clone());
        Claimed { path, open: Arc::clone(open) }
    }

    fn try_claim(open: &OpenPages, path: PathBuf) -> Option<Claimed> {
        let free = lock(open).insert(path.clone());
        free.then(|| Claimed { path, open: Arc::clone(open) })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        lock(&self.open).remove(&self.path);
    }
}

fn lock(open: &OpenPages) -> MutexGuard<'_, HashSet<PathBuf>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation() -> Operation {
        Operation::Destroy(DestroyEntry { uuid: Uuid::from_u128(7), domid: 3, name: "web".to_owned() })
    }

    fn journal() -> (tempfile::TempDir, Journal) {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = Journal::open(&dir.path().join("journal")).expect("a journal");
        (dir, journal)
    }

    #[test]
    fn what_was_marked_is_read_again() {
        let (_dir, journal) = journal();
        let mut page = journal.begin(Uuid::from_u128(1), &operation()).expect("begins");
        page.mark(&Mark::doing(0)).expect("marks");
        let progress = Progress { domid: Some(5), ..Progress::default() };
        page.mark(&Mark { done: Some(0), doing: Some(1), progress: Some(progress), ..Mark::default() }).expect("marks");
        drop(page);
        let (found, unreadable) = journal.unfinished().expect("reads");
        assert!(unreadable.is_empty());
        let [one] = found.as_slice() else { panic!("one operation, not {}", found.len()) };
        assert_eq!((one.operation.clone(), one.reached, one.undoing), (operation(), Some(1), false));
        assert_eq!(one.progress.domid, Some(5));
    }

    #[test]
    fn a_page_that_is_written_is_no_leftover() {
        let (_dir, journal) = journal();
        let page = journal.begin(Uuid::from_u128(1), &operation()).expect("begins");
        assert!(journal.clone().unfinished().expect("reads").0.is_empty());
        drop(page);
        assert_eq!(journal.unfinished().expect("reads").0.len(), 1);
    }

    #[test]
    fn a_closed_page_is_gone() {
        let (_dir, journal) = journal();
        journal.begin(Uuid::from_u128(1), &operation()).expect("begins").close().expect("closes");
        assert!(journal.unfinished().expect("reads").0.is_empty());
    }

    #[test]
    fn a_kill_at_any_byte_leaves_a_page_that_reads() {
        let (_dir, journal) = journal();
        let mut page = journal.begin(Uuid::from_u128(1), &operation()).expect("begins");
        page.mark(&Mark::doing(0)).expect("marks");
        page.mark(&Mark { done: Some(0), doing: Some(1), ..Mark::default() }).expect("marks");
        page.mark(&Mark { undoing: Some(1), ..Mark::default() }).expect("marks");
        drop(page);
        let path = journal.path(Uuid::from_u128(1));
        let whole = std::fs::read(&path).expect("reads");
        let lines_before = |length: usize| whole[..length].iter().filter(|byte| **byte == b'\n').count();
        let reached_after = [None, None, Some(0), Some(1), Some(1)];
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).expect("writes");
            let (found, unreadable) = journal.unfinished().expect("reads");
            assert!(unreadable.is_empty(), "cut at {length}");
            let lines = lines_before(length);
            assert_eq!(found.len(), usize::from(lines > 0), "cut at {length}");
            assert_eq!(found.first().and_then(|one| one.reached), reached_after[lines], "cut at {length}");
            assert_eq!(found.first().is_some_and(|one| one.undoing), lines == 4, "cut at {length}");
        }
    }

    #[test]
    fn a_file_that_is_no_journal_is_told_and_kept() {
        let (_dir, journal) = journal();
        let path = journal.path(Uuid::from_u128(1));
        std::fs::write(&path, "not ours\n").expect("writes");
        let (found, unreadable) = journal.unfinished().expect("reads");
        assert!(found.is_empty());
        assert_eq!(unreadable, std::slice::from_ref(&path));
        assert!(path.exists());
    }
}
