//! Xen's stock daemons, where they run: two stores on one ring, or two readers of one console, harm each other.

use std::fs;
use std::path::Path;

/// A stock daemon that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daemon {
    /// Its name, as the kernel knows it.
    pub comm: String,
    /// Its process.
    pub pid: u32,
    /// The role of ours that it stands in the way of.
    pub rival: &'static str,
}

/// The daemons by the name of their process.
const KNOWN: [(&str, &str); 3] = [("xenstored", "store"), ("oxenstored", "store"), ("xenconsoled", "console")];

impl Daemon {
    /// What to do about it.
    pub fn advice(&self) -> String {
        let also = if self.rival == "store" { ", and reboot if domains run" } else { "" };
        format!("stop and disable the service that starts {}{also}", self.comm)
    }
}

/// Every stock daemon below this /proc, by pid.
pub fn daemons(proc: &Path) -> Vec<Daemon> {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<Daemon> = pids.filter_map(|pid| daemon(proc, pid)).collect();
    found.sort_by_key(|daemon| daemon.pid);
    found
}

fn daemon(proc: &Path, pid: u32) -> Option<Daemon> {
    let comm = fs::read_to_string(proc.join(pid.to_string()).join("comm")).ok()?;
    let (name, rival) = KNOWN.into_iter().find(|(name, _)| *name == comm.trim_end())?;
    Some(Daemon { comm: name.to_owned(), pid, rival })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_by_the_name_of_their_process() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, comm) in [("9", "xenstored\n"), ("10", "xenconsoled\n"), ("11", "xenith-store\n"), ("self", "oxenstored\n")] {
            fs::create_dir(proc.path().join(pid)).unwrap();
            fs::write(proc.path().join(pid).join("comm"), comm).unwrap();
        }
        let found: Vec<_> = daemons(proc.path()).into_iter().map(|d| (d.comm, d.pid, d.rival)).collect();
        assert_eq!(found, [("xenstored".to_owned(), 9, "store"), ("xenconsoled".to_owned(), 10, "console")]);
        assert_eq!(daemons(Path::new("/nonexistent")), []);
    }
}
