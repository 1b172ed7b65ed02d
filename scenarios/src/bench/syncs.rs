//! Counts what waits for a disk: under strace from a command's start, or in processes that run already while something is asked of them.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::processes::Process;

/// Where strace writes.
const OUTPUT: &str = "/tmp/strace.syncs";
/// The calls; the last one is a write to a mapped file.
const CALLS: [&str; 6] = ["fsync", "fdatasync", "sync_file_range", "sync", "syncfs", "msync"];
/// How long strace may take to hold every thread.
const ATTACH_LIMIT: Duration = Duration::from_secs(60);

/// The calls of a command and its children.
pub fn of_command(words: &[String]) -> Result<u64> {
    let status = strace().args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().context("strace")?;
    ensure!(status.success(), "strace {}: {status}", words.join(" "));
    told()
}

/// The calls that processes make while the work is done.
pub fn during(processes: &[Process], work: impl FnOnce() -> Result<()>) -> Result<u64> {
    let mut strace = strace();
    for process in processes {
        strace.args(["-p", &process.pid.to_string()]);
    }
    let mut strace = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("strace")?;
    let done = attached(processes, &mut strace).and_then(|()| work());
    let ended = kill_process(Pid::from_child(&strace), Signal::INT);
    strace.wait()?;
    done?;
    ended?;
    told()
}

fn strace() -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "signal=none", "-o", OUTPUT, "-e", &format!("trace={}", CALLS.join(","))]);
    command
}

/// Waits until strace holds every thread: what a thread does before is not seen.
fn attached(processes: &[Process], strace: &mut Child) -> Result<()> {
    let began = Instant::now();
    while !processes.iter().map(is_traced).collect::<Result<Vec<_>>>()?.iter().all(|traced| *traced) {
        ensure!(strace.try_wait()?.is_none(), "strace ended early");
        ensure!(began.elapsed() < ATTACH_LIMIT, "strace does not attach");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn is_traced(process: &Process) -> Result<bool> {
    for task in fs::read_dir(format!("/proc/{}/task", process.pid))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        if status.lines().any(|line| line.split_whitespace().eq(["TracerPid:", "0"])) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn told() -> Result<u64> {
    let text = fs::read_to_string(OUTPUT).with_context(|| format!("read {OUTPUT}"))?;
    Ok(count(&text))
}

/// `PID name(...`; a call that was interrupted has its name once more, in angle brackets.
fn count(text: &str) -> u64 {
    let name = |line: &str| line.split_once(' ')?.1.trim_start().split_once('(').map(|(name, _)| name.to_owned());
    text.lines().filter_map(name).filter(|name| CALLS.contains(&name.as_str())).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_once() {
        let text = "12 fsync(5)  = 0\n\
                    12 fdatasync(5 <unfinished ...>\n\
                    13 sync_file_range(4, 0, 0, 0) = 0\n\
                    12 <... fdatasync resumed>) = 0\n\
                    13 --- SIGCHLD {si_signo=SIGCHLD} ---\n\
                    12 +++ exited with 0 +++\n";
        assert_eq!(count(text), 3);
    }
}
