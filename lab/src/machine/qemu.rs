//! The QEMU process and its two ends: its standard output is the first serial port, a socket is the second.

use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::boot::Boot;
use crate::setup::on_path;

const PROGRAM: &str = "qemu-system-x86_64";

/// A running QEMU. Dropping it ends the process.
pub(super) struct Qemu {
    child: Child,
}

impl Qemu {
    /// Starts the machine and waits for its second serial port to connect.
    pub(super) fn start(boot: &Boot) -> Result<(Self, ChildStdout, UnixStream)> {
        let directory = tempfile::tempdir().context("make a directory for the report socket")?;
        let path = directory.path().join("report");
        let listener = UnixListener::bind(&path).context("listen for the second serial port")?;
        listener.set_nonblocking(true).context("listen for the second serial port")?;
        let mut command = program();
        command.args(boot.arguments(&path)).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut qemu = Self { child: command.spawn().with_context(|| format!("start {PROGRAM}"))? };
        let report = qemu.accept(&listener)?;
        let console = qemu.child.stdout.take().context("QEMU has no output")?;
        Ok((qemu, console, report))
    }

    fn accept(&mut self, listener: &UnixListener) -> Result<UnixStream> {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            if let Ok((stream, _)) = listener.accept() {
                stream.set_nonblocking(false).context("report port")?;
                return Ok(stream);
            }
            if let Some(status) = self.child.try_wait().context("wait for QEMU")? {
                bail!("{PROGRAM}: {status}: {}", self.complaint());
            }
            sleep(Duration::from_millis(20));
        }
        bail!("{PROGRAM} did not connect its second serial port within 20 s")
    }

    fn complaint(&mut self) -> String {
        let text = self.child.stderr.take().map(std::io::read_to_string);
        text.and_then(Result::ok).unwrap_or_default().trim_end().to_owned()
    }

    /// Asks QEMU to end, so that it writes its disks out, and ends it by force two seconds later.
    pub(super) fn stop(&mut self) {
        if let (Ok(None), Some(pid)) = (self.child.try_wait(), Pid::from_raw(self.child.id() as i32)) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until && matches!(self.child.try_wait(), Ok(None)) {
            sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// QEMU, told by `setpriv` to end with the process that started it: a lab that is killed leaves no machine behind.
fn program() -> Command {
    if !on_path("setpriv") {
        return Command::new(PROGRAM);
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", PROGRAM]);
    command
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.stop();
    }
}
