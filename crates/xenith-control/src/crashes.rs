//! Crash reports: one file for each, the newest of them kept.
//!
//! ```text
//!   /var/lib/xenith/crashes/ID.json      written beside and renamed
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use xenith_api::latest::problem::shorten;
use xenith_api::latest::{Code, Crash, CrashReport, Problem};

/// How many reports are kept.
const KEPT: usize = 64;

/// The directory of reports.
#[derive(Debug)]
pub struct Crashes {
    dir: PathBuf,
    /// Newest first.
    all: Mutex<Vec<Crash>>,
}

impl Crashes {
    /// The reports in this directory, which is made where it is missing. What cannot be read as one is left alone.
    pub(crate) fn open(dir: &Path) -> io::Result<Crashes> {
        fs::create_dir_all(dir)?;
        let mut all = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "json") {
                match read(&path) {
                    Ok(report) => all.push(told(&report)),
                    Err(error) => tracing::error!("crash report {}: {error}; it is left as it is", path.display()),
                }
            }
        }
        all.sort_by_key(|crash| std::cmp::Reverse(crash.time_ms));
        Ok(Crashes { dir: dir.to_owned(), all: Mutex::new(all) })
    }

    /// Every report, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Crash> {
        self.lock().clone()
    }

    /// One report.
    pub fn get(&self, id: &str) -> Result<CrashReport, Problem> {
        let found = self.lock().iter().find(|crash| crash.id.to_string() == id).cloned();
        found.and_then(|crash| read(&self.path(&crash)).ok()).ok_or_else(|| {
            let id = shorten(id);
            let detail = format!("crash {id}: there is no such report");
            Problem::new(Code::CrashNotFound, format!("crash {id}"), detail, "list them with `xenith crashes`")
        })
    }

    /// Whether there is a report of this domain's crash since then, in milliseconds since 1970.
    pub(crate) fn knows(&self, uuid: Uuid, domid: u16, since_ms: u64) -> bool {
        self.lock().iter().any(|crash| crash.uuid == uuid && crash.domid == domid && crash.time_ms >= since_ms)
    }

    /// Keeps a report; the oldest ones make room.
    pub(crate) fn add(&self, report: &CrashReport) -> io::Result<()> {
        let crash = told(report);
        let path = self.path(&crash);
        let beside = path.with_extension("new");
        fs::write(&beside, serde_json::to_vec(report)?)?;
        fs::rename(beside, path)?;
        let mut all = self.lock();
        all.insert(0, crash);
        let kept = KEPT.min(all.len());
        for old in all.split_off(kept) {
            // One that stays is read again by the next daemon, and goes then.
            let _ = fs::remove_file(self.path(&old));
        }
        Ok(())
    }

    fn path(&self, crash: &Crash) -> PathBuf {
        self.dir.join(format!("{}.json", crash.id))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Crash>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> io::Result<CrashReport> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

fn told(report: &CrashReport) -> Crash {
    let CrashReport { id, time_ms, uuid, domid, ref name, ref reason, ref core, .. } = *report;
    Crash { id, time_ms, name: name.clone(), uuid, domid, reason: reason.clone(), core: core.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(number: u64) -> CrashReport {
        CrashReport {
            id: Uuid::from_u128(number.into()),
            time_ms: number,
            name: "web".to_owned(),
            uuid: Uuid::nil(),
            domid: 5,
            reason: "crash".to_owned(),
            vcpus: Vec::new(),
            console: "last words".to_owned(),
            core: None,
        }
    }

    #[test]
    fn the_newest_are_kept_also_for_the_next_daemon() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("x.json"), "{").expect("written");
        let crashes = Crashes::open(dir.path()).expect("opens");
        for number in 1..=KEPT as u64 + 3 {
            crashes.add(&report(number)).expect("kept");
        }
        let next = Crashes::open(dir.path()).expect("opens");
        assert_eq!(next.list(), crashes.list());
        let times: Vec<u64> = next.list().iter().map(|crash| crash.time_ms).collect();
        assert_eq!((times.len(), times.first(), times.last()), (KEPT, Some(&67), Some(&4)));
        assert_eq!(next.get(&Uuid::from_u128(5).to_string()), Ok(report(5)));
        assert_eq!(next.get(&Uuid::from_u128(3).to_string()).expect_err("gone").code, Code::CrashNotFound);
    }
}
