//! Runs a boot to its end without a person: reads both ports line by line and gives the verdict.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::MARK;
use super::boot::Boot;
use super::qemu::Qemu;

/// One line the machine said, without its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// Xen's console and dom0's kernel.
    Console(String),
    /// The script, word for word.
    Report(String),
}

/// How a boot ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What `/lab/script` returned.
    pub status: i32,
    /// From QEMU's start to dom0's user space, wall time.
    pub boot: Duration,
    /// From QEMU's start to its end, wall time.
    pub total: Duration,
    /// The version the hypervisor tells of itself.
    pub xen_version: String,
}

/// Boots, hands every line to `heard`, and ends the machine when the script is done.
///
/// # Errors
/// When QEMU does not start, Xen or dom0 panics, or the time is up; with the last lines of the console.
pub fn run(boot: &Boot, mut heard: impl FnMut(&Line)) -> Result<Outcome> {
    let mut log = create_log(&boot.log)?;
    let started = Instant::now();
    let (mut qemu, console, report) = Qemu::start(boot)?;
    let (sender, lines) = channel();
    read_lines(console, Line::Console, sender.clone());
    read_lines(report, Line::Report, sender);
    let mut verdict = Verdict::new(started);
    let ended = loop {
        match next(&lines, started + boot.timeout) {
            Ok(line) => {
                write_line(&mut log, &line);
                heard(&line);
                if verdict.hears(&line) {
                    break "";
                }
            }
            Err(RecvTimeoutError::Timeout) => break "the time is up",
            Err(RecvTimeoutError::Disconnected) => break "the machine ended before the script did",
        }
    };
    qemu.stop();
    verdict.give(ended, boot)
}

pub(super) fn create_log(path: &Path) -> Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
    }
    File::create(path).with_context(|| format!("create {}", path.display()))
}

fn next(lines: &Receiver<Line>, until: Instant) -> Result<Line, RecvTimeoutError> {
    lines.recv_timeout(until.saturating_duration_since(Instant::now()))
}

/// A log is an aid: a full disk must not end the run.
fn write_line(log: &mut File, line: &Line) {
    let _ = match line {
        Line::Console(text) => writeln!(log, "    {text}"),
        Line::Report(text) => writeln!(log, "{text}"),
    };
}

fn read_lines(source: impl Read + Send + 'static, kind: fn(String) -> Line, lines: Sender<Line>) {
    thread::spawn(move || {
        let mut source = BufReader::new(source);
        let mut bytes = Vec::new();
        while source.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned();
            bytes.clear();
            if lines.send(kind(text)).is_err() {
                return;
            }
        }
    });
}

/// Words that end a run: the machine will not come back from what they announce.
const PANICS: [&str; 6] =
    ["Panic on CPU", "Kernel panic - not syncing", "Xen BUG at", "FATAL TRAP", "Could not construct domain 0", "Domain 0 crashed"];
const TAIL: usize = 25;

/// What the lines so far say about the run.
struct Verdict {
    started: Instant,
    boot: Option<(Duration, String)>,
    status: Option<i32>,
    panic: Option<String>,
    tail: VecDeque<String>,
}

impl Verdict {
    fn new(started: Instant) -> Self {
        Self { started, boot: None, status: None, panic: None, tail: VecDeque::new() }
    }

    /// Takes a line in; true when the run is over.
    fn hears(&mut self, line: &Line) -> bool {
        match line {
            Line::Console(text) => {
                self.tail.push_back(text.clone());
                if self.tail.len() > TAIL {
                    self.tail.pop_front();
                }
                if PANICS.iter().any(|word| text.contains(word)) {
                    self.panic.get_or_insert_with(|| text.clone());
                }
                // Xen announces its reboot after it has printed everything about the panic.
                self.panic.is_some() && (text.contains("Reboot in") || text.contains("rebooting machine"))
            }
            Line::Report(text) => self.hears_report(text),
        }
    }

    fn hears_report(&mut self, text: &str) -> bool {
        let Some(mark) = text.strip_prefix(MARK) else { return false };
        let mut words = mark.split_whitespace();
        match words.next() {
            Some("boot") => self.boot = Some((self.started.elapsed(), words.nth(1).unwrap_or("unknown").to_owned())),
            Some("exit") => self.status = words.next().and_then(|word| word.parse().ok()),
            _ => {}
        }
        self.status.is_some()
    }

    fn give(self, ended: &str, boot: &Boot) -> Result<Outcome> {
        let total = self.started.elapsed();
        match (self.status, self.boot, self.panic) {
            (Some(status), Some((boot, xen_version)), _) => Ok(Outcome { status, boot, total, xen_version }),
            (_, reached, panic) => {
                let place = if reached.is_some() { "in dom0's script" } else { "before dom0's user space" };
                let why = panic.unwrap_or_else(|| ended.to_owned());
                let tail = Vec::from(self.tail).join("\n    ");
                bail!("Xen {}: {why} ({place}, after {} s)\n    {tail}\n  all of it: {}", boot.name, total.as_secs(), boot.log.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_a_run() {
        let console = |text: &str| Line::Console(text.to_owned());
        let report = |text: &str| Line::Report(text.to_owned());
        let cases = [
            (vec![report("XENITH-LAB: boot 8.1 4.17.5"), report("XENITH-LAB: exit 3")], true, Some(3)),
            (vec![report("XENITH-LAB: boot 8.1 4.17.5"), report("hello")], false, None),
            (vec![console("XENITH-LAB: exit 0")], false, None),
            (vec![console("(XEN) Panic on CPU 0:"), console("(XEN) Reboot in five seconds...")], true, None),
            (vec![console("(XEN) Reboot in five seconds...")], false, None),
        ];
        for (lines, over, status) in cases {
            let mut verdict = Verdict::new(Instant::now());
            assert_eq!(lines.iter().any(|line| verdict.hears(line)), over, "{lines:?}");
            assert_eq!(verdict.status, status, "{lines:?}");
        }
    }
}
