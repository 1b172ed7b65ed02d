//! Runs a boot with a person at it: the second serial port is this terminal.

use std::io::{Read, Write, stdin, stdout};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::MARK;
use super::boot::Boot;
use super::console::{Line, create_log};
use super::qemu::Qemu;

/// Boots, hands the script's lines to `heard`, and then joins dom0's session to this terminal until it ends. Every key
/// goes to dom0, control-C too.
///
/// # Errors
/// When QEMU does not start, dom0 does not come up in the boot's time, or the script fails.
pub fn shell(boot: &Boot, mut heard: impl FnMut(&Line)) -> Result<()> {
    let log = create_log(&boot.log)?;
    let (mut qemu, console, mut report) = Qemu::start(boot)?;
    thread::spawn(move || copy(console, log));
    wait_for_terminal(&mut report, boot, &mut heard)?;
    let raw = RawTerminal::enter();
    let keys = report.try_clone().context("report port")?;
    thread::spawn(move || copy(stdin(), keys));
    copy(report, stdout());
    drop(raw);
    qemu.stop();
    Ok(())
}

/// The words that tell dom0's terminal how large it is, for `stty`.
pub(crate) fn size() -> String {
    match tcgetwinsize(stdin()) {
        Ok(size) if size.ws_row > 0 => format!("rows {} cols {}", size.ws_row, size.ws_col),
        _ => String::new(),
    }
}

/// Reads up to the line that gives the port away, byte by byte, so that nothing after it is lost.
fn wait_for_terminal(report: &mut UnixStream, boot: &Boot, heard: &mut impl FnMut(&Line)) -> Result<()> {
    let until = Instant::now() + boot.timeout;
    report.set_read_timeout(Some(Duration::from_secs(1))).context("report port")?;
    let mut line = Vec::new();
    while Instant::now() < until {
        let mut byte = [0];
        match report.read(&mut byte) {
            Ok(0) => bail!("Xen {}: the machine ended before dom0 was up; see {}", boot.name, boot.log.display()),
            Ok(_) if byte == *b"\n" => {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                match text.strip_prefix(MARK).and_then(|mark| mark.split_whitespace().next()) {
                    Some("terminal") => return report.set_read_timeout(None).context("report port"),
                    Some("exit") => bail!("Xen {}: dom0's script failed: {text}; see {}", boot.name, boot.log.display()),
                    _ => heard(&Line::Report(text)),
                }
                line.clear();
            }
            Ok(_) => line.extend(byte),
            Err(_) => {}
        }
    }
    bail!("Xen {}: no terminal after {} s; see {}", boot.name, boot.timeout.as_secs(), boot.log.display())
}

fn copy(mut from: impl Read, mut to: impl Write) {
    let mut chunk = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut chunk) {
        if to.write_all(chunk.get(..length).unwrap_or_default()).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

/// The terminal in raw mode; dropping it puts the old mode back.
struct RawTerminal {
    before: Termios,
}

impl RawTerminal {
    fn enter() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
        Some(Self { before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}
