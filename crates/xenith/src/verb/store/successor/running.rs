//! Which daemon answers on the store's socket.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::net::sockopt::socket_peercred;
use serde::Serialize;
use xenith_api::latest::{Code, Problem};

use super::super::place::Store;

/// Whose program it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Make {
    /// C xenstored.
    Xenstored,
    /// oxenstored.
    Oxenstored,
    /// Ours.
    Xenith,
    /// Nobody's that we know.
    Unknown,
}

/// A store's daemon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Running {
    /// Its process.
    pub pid: i32,
    /// Whose program it is.
    pub make: Make,
    /// The program's file.
    pub program: PathBuf,
    /// The release of Xen that it belongs to, where its place says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Its words, without `-U`.
    pub words: Vec<String>,
}

impl Running {
    /// Looks who listens on the other end.
    pub fn behind(store: &Store) -> Result<Running, Problem> {
        let peer = socket_peercred(store.transport().as_fd()).map_err(|error| {
            let title = format!("store: cannot learn whose socket it is: {error}");
            Problem::new(Code::StoreUnreachable, "store", title, "name the store's socket with --socket: a kernel's device does not say")
        })?;
        let pid = peer.pid.as_raw_nonzero().get();
        Running::of(Path::new("/proc"), pid).ok_or_else(|| {
            let title = format!("store: process {pid} cannot be looked at");
            Problem::new(Code::NotPermitted, "store", title, "run it as root, where the store runs")
        })
    }

    /// The process as /proc shows it.
    fn of(proc: &Path, pid: i32) -> Option<Running> {
        let directory = proc.join(pid.to_string());
        let line = fs::read(directory.join("cmdline")).ok()?;
        let said = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
        let said: Vec<String> = said.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let exe = fs::read_link(directory.join("exe")).ok();
        let of_exe = exe.clone().filter(|exe| make(exe) != Make::Unknown);
        // A program that was started through a loader or an interpreter stands behind it.
        let at = said.iter().position(|word| make(Path::new(word)) != Make::Unknown).unwrap_or_default();
        let program = of_exe.or_else(|| said.get(at).map(PathBuf::from)).or(exe)?;
        let words = said.into_iter().skip(at + 1).filter(|word| word != "-U").collect();
        Some(Running { pid, make: make(&program), release: release(&program), program, words })
    }

    /// `C xenstored of Xen 4.20, pid 412 (/usr/lib/xen-4.20/bin/xenstored)`.
    pub fn name(&self) -> String {
        let what = match self.make {
            Make::Xenstored => "C xenstored",
            Make::Oxenstored => "oxenstored",
            Make::Xenith => "xenith store",
            Make::Unknown => "an unknown store",
        };
        let release = self.release.as_ref().map_or_else(String::new, |release| format!(" of Xen {release}"));
        format!("{what}{release}, pid {} ({})", self.pid, self.program.display())
    }
}

/// By the name of its file; one that was replaced since it was started has a mark behind it.
fn make(program: &Path) -> Make {
    let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    match name.trim_end_matches(" (deleted)") {
        "oxenstored" => Make::Oxenstored,
        name if name.starts_with("xenstored") => Make::Xenstored,
        name if name.starts_with("xenith") => Make::Xenith,
        _ => Make::Unknown,
    }
}

/// `4.20` of /usr/lib/xen-4.20/bin/xenstored.
fn release(program: &Path) -> Option<String> {
    program.iter().find_map(|part| part.to_str()?.strip_prefix("xen-")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A command line and how the daemon is named.
    #[test]
    fn by_command_line() {
        let proc = tempfile::tempdir().unwrap();
        fs::create_dir(proc.path().join("7")).unwrap();
        let cases = [
            ("/usr/lib/xen-4.20/bin/xenstored\0-N\0-U\0", "C xenstored of Xen 4.20, pid 7 (/usr/lib/xen-4.20/bin/xenstored)", vec!["-N"]),
            ("/lib/ld.so\0--preload\0x\0/x/xenstored\0-F\0p\0", "C xenstored, pid 7 (/x/xenstored)", vec!["-F", "p"]),
            ("/usr/lib/xen-4.17/bin/oxenstored\0", "oxenstored of Xen 4.17, pid 7 (/usr/lib/xen-4.17/bin/oxenstored)", vec![]),
            ("xenith\0store\0", "xenith store, pid 7 (xenith)", vec!["store"]),
            ("/sbin/other\0", "an unknown store, pid 7 (/sbin/other)", vec![]),
        ];
        for (line, name, words) in cases {
            fs::write(proc.path().join("7/cmdline"), line).unwrap();
            let running = Running::of(proc.path(), 7).unwrap();
            assert_eq!((running.name(), running.words), (name.to_owned(), words.into_iter().map(str::to_owned).collect()));
        }
        assert_eq!(Running::of(proc.path(), 8), None);
    }
}
