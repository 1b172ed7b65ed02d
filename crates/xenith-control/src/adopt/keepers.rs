//! Processes of other toolstacks that act when a domain stops.
//!
//! `xl create` leaves a process for each domain (xl_vmcontrol.c); its output goes to `xl-NAME.log` (xl_utils.c, `do_daemonize`), with the name that the
//! domain had then. One that has no such log yet may be at any domain. libvirt keeps all of its domains in one process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Daemons that keep every domain that they made, by the kernel's name for them (15 characters).
const DAEMONS: [&str; 2] = ["libvirtd", "virtxend"];
/// Words of xl after which a process may keep a domain.
const KEEPING: [&str; 3] = ["create", "restore", "migrate-receive"];
/// How long a process may take to end when asked.
const PATIENCE: Duration = Duration::from_secs(5);

/// A process that acts when a domain stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keeper {
    pub(crate) pid: u32,
    pub(crate) name: String,
    /// The domain's name; none for one that may be at any domain.
    of: Option<String>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keepers(Vec<Keeper>);

impl Keepers {
    /// Those below this `/proc`.
    pub(crate) fn look(proc: &Path) -> Keepers {
        let entries = fs::read_dir(proc).into_iter().flatten().filter_map(Result::ok);
        Keepers(entries.filter_map(|entry| keeper(&entry.path())).collect())
    }

    /// Who keeps the domain that has, or had, one of these names.
    pub(crate) fn of(&self, names: &[&str]) -> Option<&Keeper> {
        let own = self.0.iter().find(|one| one.of.as_deref().is_some_and(|name| names.contains(&name)));
        own.or_else(|| self.0.iter().find(|one| one.of.is_none()))
    }
}

fn keeper(process: &Path) -> Option<Keeper> {
    let pid = process.file_name()?.to_str()?.parse().ok()?;
    let name = fs::read_to_string(process.join("comm")).ok()?.trim().to_owned();
    if DAEMONS.contains(&name.as_str()) {
        return Some(Keeper { pid, name, of: None });
    }
    if name != "xl" {
        return None;
    }
    let words = fs::read(process.join("cmdline")).unwrap_or_default();
    let keeps = words.split(|byte| *byte == 0).any(|word| KEEPING.iter().any(|known| known.as_bytes() == word));
    let log = ["1", "2"].iter().find_map(|fd| fs::read_link(process.join("fd").join(fd)).ok().and_then(|link| domain_of(&link)));
    (keeps || log.is_some()).then_some(Keeper { pid, name, of: log })
}

/// `/var/log/xen/xl-web.log`, also where the log was rotated since: `xl-web.log.1`.
fn domain_of(log: &Path) -> Option<String> {
    let (name, rotated) = log.file_name()?.to_str()?.strip_prefix("xl-")?.rsplit_once(".log")?;
    let rotated = rotated.trim_end_matches(" (deleted)").trim_start_matches('.');
    rotated.bytes().all(|byte| byte.is_ascii_digit()).then(|| name.to_owned())
}

impl Keeper {
    /// Ends xl's monitor of one domain; tells why where it cannot be ended. It is looked at again once it cannot be another process any more.
    pub(crate) fn end(&self, proc: &Path) -> Result<(), String> {
        let Some(name) = self.of.as_deref() else {
            return Err(format!("pid {} {} keeps more than this domain, or is still making one: end it first", self.pid, self.name));
        };
        let told = |error: rustix::io::Errno| format!("pid {} {}: {error}", self.pid, self.name);
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw).ok_or_else(|| format!("pid {} is none", self.pid))?;
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            handle => handle.map_err(told)?,
        };
        let again: PathBuf = proc.join(self.pid.to_string());
        if keeper(&again).is_none_or(|one| one.of.as_deref() != Some(name)) {
            return Ok(());
        }
        for signal in [Signal::TERM, Signal::KILL] {
            match pidfd_send_signal(&handle, signal) {
                Err(rustix::io::Errno::SRCH) => return Ok(()),
                sent => sent.map_err(told)?,
            }
            if ended(&handle).map_err(told)? {
                return Ok(());
            }
        }
        Err(format!("pid {} {} does not end", self.pid, self.name))
    }
}

/// A handle of a process can be read once it ended (pidfd_open(2)).
fn ended(handle: &OwnedFd) -> rustix::io::Result<bool> {
    let end = Instant::now() + PATIENCE;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let wait = Timespec { tv_sec: i64::try_from(left.as_secs()).unwrap_or(0), tv_nsec: left.subsec_nanos().into() };
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&wait)) {
            Err(rustix::io::Errno::INTR) => {}
            answer => return answer.map(|ready| ready > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    fn process(proc: &Path, pid: u32, comm: &str, words: &str, out: &str) {
        let place = proc.join(pid.to_string());
        fs::create_dir_all(place.join("fd")).expect("made");
        fs::write(place.join("comm"), format!("{comm}\n")).expect("written");
        fs::write(place.join("cmdline"), words.replace(' ', "\0")).expect("written");
        symlink(out, place.join("fd/1")).expect("linked");
    }

    #[test]
    fn who_keeps_a_domain() {
        let dir = tempfile::tempdir().expect("a directory");
        let proc = dir.path();
        process(proc, 10, "xl", "xl create web.cfg", "/var/log/xen/xl-web.log");
        process(proc, 11, "xl", "xl create old.cfg", "/var/log/xen/xl-old.log.1");
        process(proc, 12, "xl", "xl list", "/dev/pts/0");
        process(proc, 13, "xenith", "xenith create web.toml", "/var/log/xen/xl-db.log");
        let pid = |names: &[&str]| Keepers::look(proc).of(names).map(|one| one.pid);
        assert_eq!((pid(&["web"]), pid(&["renamed", "web"]), pid(&["old"]), pid(&["db"])), (Some(10), Some(10), Some(11), None));
        process(proc, 14, "xl", "xl create new.cfg", "/dev/pts/0");
        assert_eq!((pid(&["web"]), pid(&["db"])), (Some(10), Some(14)), "one that is still making a domain may be at any");
        process(proc, 15, "libvirtd", "/usr/sbin/libvirtd", "/dev/null");
        assert!(Keepers::look(proc).of(&["db"]).is_some_and(|one| one.end(proc).is_err()));
    }

    #[test]
    fn a_monitor_is_ended_and_nobody_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut child = Command::new("sleep").arg("100").spawn().expect("sleep runs");
        process(dir.path(), child.id(), "xl", "xl create web.cfg", "/var/log/xen/xl-web.log");
        let keeper = Keepers::look(dir.path()).of(&["web"]).expect("found").clone();
        // The number is another process's by now.
        fs::write(dir.path().join(format!("{}/comm", child.id())), "sleep\n").expect("written");
        assert_eq!(keeper.end(dir.path()), Ok(()));
        assert!(child.try_wait().expect("asks").is_none(), "it still runs");
        fs::write(dir.path().join(format!("{}/comm", child.id())), "xl\n").expect("written");
        assert_eq!(keeper.end(dir.path()), Ok(()));
        assert!(child.wait().expect("waits").code().is_none(), "a signal ended it");
        assert_eq!(keeper.end(dir.path()), Ok(()), "it is gone");
    }
}
