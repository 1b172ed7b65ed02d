//! One process per role: a lock on `ROLE.pid` in the run directory, which the kernel lets go when its holder dies.
//!
//! ```text
//!   take:    open, flock, write the pid          busy -> already-running
//!   holder:  flock busy -> read the pid -> pidfd -> still busy and the same pid -> that process
//! ```
//!
//! The second look after the pidfd was opened is what makes a reused pid harmless.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use xenith_api::latest::{Code, Problem};

/// The lock, for as long as the value lives.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Takes the lock of a role, or of `all`.
pub fn take(run_dir: &Path, name: &str) -> Result<Lock, Problem> {
    let path = path(run_dir, name);
    match try_take(run_dir, &path) {
        Ok(Some(file)) => Ok(Lock { _file: file }),
        Ok(None) => Err(busy(run_dir, name)),
        Err(error) => {
            let code = if error.kind() == io::ErrorKind::PermissionDenied { Code::NotPermitted } else { Code::Internal };
            let title = format!("role {name}: cannot lock {}: {error}", path.display());
            Err(Problem::new(code, format!("role {name}"), title, "run it as root, with a run directory that can be written"))
        }
    }
}

fn try_take(run_dir: &Path, path: &Path) -> io::Result<Option<File>> {
    fs::create_dir_all(run_dir)?;
    // For root alone: whoever can open it can lock it.
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // Whoever looks for a holder holds the lock for a moment itself: a busy lock counts when it stays busy.
    for _ in 0..5 {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                file.set_len(0)?;
                writeln!(file, "{}", std::process::id())?;
                return Ok(Some(file));
            }
            Err(rustix::io::Errno::WOULDBLOCK) => thread::sleep(Duration::from_millis(10)),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(None)
}

fn busy(run_dir: &Path, name: &str) -> Problem {
    let code = if name == "store" { Code::StoreBusy } else { Code::AlreadyRunning };
    let pid = read_pid(&path(run_dir, name)).map_or_else(String::new, |pid| format!(", pid {}", pid.as_raw_nonzero()));
    let title = format!("role {name}: another xenith {name} is already running in {}{pid}", run_dir.display());
    Problem::new(code, format!("role {name}"), title, "stop that one first, or let it run")
}

/// Who holds the lock: pid, and a descriptor that stays true to the process.
pub fn holder(run_dir: &Path, name: &str) -> Option<(Pid, OwnedFd)> {
    let path = path(run_dir, name);
    // A holder that has just taken the lock may not have written its pid yet.
    for _ in 0..20 {
        if !is_held(&path) {
            return None;
        }
        if let Some(found) = read_pid(&path).and_then(|pid| Some((pid, pidfd_open(pid, PidfdFlags::empty()).ok()?)))
            && is_held(&path)
            && read_pid(&path) == Some(found.0)
        {
            return Some(found);
        }
        thread::sleep(Duration::from_millis(5));
    }
    None
}

fn is_held(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    flock(&file, FlockOperation::NonBlockingLockShared) == Err(rustix::io::Errno::WOULDBLOCK)
}

fn read_pid(path: &Path) -> Option<Pid> {
    Pid::from_raw(fs::read_to_string(path).ok()?.trim().parse().ok()?)
}

fn path(run_dir: &Path, name: &str) -> PathBuf {
    run_dir.join(format!("{name}.pid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let run_dir = dir.path().join("run");
        assert!(holder(&run_dir, "store").is_none());
        let lock = take(&run_dir, "store").unwrap();
        assert_eq!(take(&run_dir, "store").unwrap_err().code, Code::StoreBusy);
        let console = take(&run_dir, "console").unwrap();
        assert_eq!(take(&run_dir, "console").unwrap_err().code, Code::AlreadyRunning);
        assert_eq!(holder(&run_dir, "store").unwrap().0, rustix::process::getpid());
        drop((lock, console));
        assert!(holder(&run_dir, "store").is_none());
        assert!(take(&run_dir, "store").is_ok());
    }
}
