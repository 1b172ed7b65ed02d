//! A store whose state image does not fit any more: it serves on, says so, and is safe from kills again once there is room.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

const XENITH: &str = env!("CARGO_BIN_EXE_xenith");
const PATIENCE: Duration = Duration::from_secs(90);

fn within(what: &str, mut attempt: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !attempt() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(20));
    }
}

/// A store in a file system of its own that holds 2 MiB.
struct Small {
    keeper: Child,
    /// As others see it.
    directory: PathBuf,
    log: PathBuf,
}

impl Small {
    fn start(at: &Path) -> Small {
        let (mount, log) = (at.join("mount"), at.join("log"));
        let script = format!("mount -t tmpfs -o size=2m none {0} && exec {XENITH} store --standalone {0}", mount.display());
        let log_file = fs::File::create(&log).unwrap();
        let keeper = Command::new("unshare").args(["-rm", "sh", "-c", &script]).stderr(log_file).stdout(Stdio::null()).spawn().unwrap();
        let inside = mount.strip_prefix("/").unwrap();
        let small = Small { directory: Path::new("/proc").join(keeper.id().to_string()).join("root").join(inside), keeper, log };
        within("the store does not come up", || UnixStream::connect(small.directory.join("socket")).is_ok());
        small
    }

    fn store(&self, words: &[&str]) -> Output {
        Command::new(XENITH).arg("store").args(words).arg("--socket").arg(self.directory.join("socket")).output().unwrap()
    }

    /// What a node holds; nothing where there is none.
    fn read(&self, node: &str) -> String {
        String::from_utf8(self.store(&["read", node]).stdout).unwrap()
    }

    fn write(&self, node: &str, value: &str) {
        let written = self.store(&["write", node, value]);
        assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    }

    fn says(&self, words: &str) -> bool {
        fs::read_to_string(&self.log).unwrap().contains(words)
    }

    fn worker(&self) -> Option<Pid> {
        let pid = self.keeper.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

#[test]
fn an_image_without_room_is_whole_again_once_there_is_some() {
    let directory = tempfile::tempdir().unwrap();
    let mount = directory.path().join("mount");
    fs::create_dir(&mount).unwrap();
    let probe = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none"]).arg(&mount).output().unwrap();
    if !probe.status.success() {
        eprintln!("skipped: nobody may mount a file system here: {}", String::from_utf8_lossy(&probe.stderr));
        return;
    }
    let small = Small::start(directory.path());
    small.write("/kept", "before");
    // More than half of the file system, then more than all of it.
    let large = "x".repeat(2000);
    let mut written = 0;
    within("the image never runs out of room", || {
        small.write(&format!("/large/{written}"), &large);
        written += 1;
        small.says("no room for the state image")
    });
    small.write("/kept", "while there was no room");
    assert!(small.store(&["rm", "/large"]).status.success());
    within("the image is never written anew", || small.says("the state image is whole again"));
    small.write("/after", "it fits");
    let worker = small.worker().unwrap();
    kill_process(worker, Signal::KILL).unwrap();
    within("no other worker comes", || small.worker().is_some_and(|now| now != worker));
    let values = ["/kept", "/after"].map(|node| small.read(node).trim().to_owned());
    assert_eq!(values, ["while there was no room", "it fits"], "{written} nodes");
}
