//! One store, started fresh in a directory of its own.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub const PATIENCE: Duration = Duration::from_secs(20);
/// Domains with a ring; 0 is dom0's kernel.
pub const GUESTS: [u16; 3] = [1, 2, 3];

pub struct Store {
    child: Child,
    pub directory: tempfile::TempDir,
}

impl Store {
    pub fn ours() -> Store {
        Store::start(|directory| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_xenith"));
            command.args(["store", "--standalone"]).arg(directory);
            command
        })
    }

    pub fn theirs(program: &str) -> Store {
        Store::start(|directory| {
            let mut command = Command::new(program);
            command
                .arg("-N")
                .env("XSSHIM_DIR", directory)
                .env("XENSTORED_RUNDIR", directory)
                .env("XENSTORED_PATH", directory.join("socket"));
            command
        })
    }

    fn start(command: impl FnOnce(&Path) -> Command) -> Store {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        fs::write(place.join("xsd_port"), "5").unwrap();
        fs::write(place.join("ring.0"), [0; 4096]).unwrap();
        for guest in GUESTS {
            fs::write(place.join(format!("ring.{guest}")), [0; 4096]).unwrap();
        }
        let child = command(place).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let store = Store { child, directory };
        let begun = Instant::now();
        while UnixStream::connect(store.directory.path().join("socket")).is_err() {
            assert!(begun.elapsed() < PATIENCE, "the store does not come up");
            sleep(Duration::from_millis(2));
        }
        store
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
