//! Why there is no connection: told by how ssh ended and what it said, with what to do next.

use std::io;
use std::process::ExitStatus;

use super::Destination;
use crate::v1::{Code, Problem};

/// What ssh ends with for reasons of its own; anything else is the far command's.
const OF_SSH: i32 = 255;
/// What a shell ends with that did not find the command.
const NOT_FOUND: i32 = 127;
/// What the command line ends with that was not understood.
const NOT_UNDERSTOOD: i32 = 2;

/// ssh could not be started.
pub(super) fn not_started(destination: &Destination, error: &io::Error) -> Problem {
    let (title, advice) = match error.kind() {
        io::ErrorKind::NotFound => {
            ("there is no ssh on this machine".to_owned(), "install it (openssh-client), or run the command on the host itself")
        }
        _ => (format!("ssh cannot be started: {error}"), "see to it that `ssh` works here"),
    };
    Problem::new(Code::DaemonUnreachable, destination.to_string(), format!("{destination}: {title}"), advice)
}

/// ssh ended, or said other things, before the far side greeted.
pub(super) fn refused(destination: &Destination, status: Option<ExitStatus>, words: &str, heard: &str) -> Problem {
    if let Some(problem) = words.lines().rev().find_map(|line| serde_json::from_str::<Problem>(line).ok()) {
        return Problem { detail: format!("{destination}: {}", problem.detail), ..problem };
    }
    let host = destination.word();
    let (title, advice) = match status.and_then(|status| status.code()) {
        Some(OF_SSH) => (ended(destination, status, words), format!("see to it that `ssh {host} true` works")),
        Some(NOT_FOUND) => {
            let title = format!("{destination}: there is no xenith there{}", behind(words));
            (title, "install it there, as /usr/sbin/xenith".to_owned())
        }
        Some(NOT_UNDERSTOOD) => {
            let title = format!("{destination}: the xenith there does not know `dial`{}", behind(words));
            (title, "install this release there".to_owned())
        }
        Some(0) | None => (format!("{destination}: what answers is not `xenith dial`: {heard}"), format!("try `ssh {host} xenith list`")),
        Some(_) => (ended(destination, status, words), format!("try `ssh {host} xenith list`")),
    };
    Problem::new(Code::DaemonUnreachable, destination.to_string(), title, advice)
}

/// `ssh to dom0 ended: Connection refused`.
pub(super) fn ended(destination: &Destination, status: Option<ExitStatus>, words: &str) -> String {
    let status = status.map_or_else(String::new, |status| format!(" ({status})"));
    format!("ssh to {destination} ended{status}{}", behind(words))
}

/// The last lines of what was said: the reason stands at the end.
fn behind(words: &str) -> String {
    let lines: Vec<&str> = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(3)..).unwrap_or(&[]);
    if last.is_empty() { String::new() } else { format!(": {}", last.join("; ")) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn destination() -> Destination {
        Destination::parse("ssh://root@dom0").unwrap()
    }

    #[test]
    fn reasons() {
        for (code, words, title, advice) in [
            (
                255,
                "ssh: connect to host dom0 port 22: Connection refused\r\n",
                "ssh to root@dom0 ended (exit status: 255): ssh: connect to host dom0 port 22: Connection refused",
                "see to it that `ssh root@dom0 true` works",
            ),
            (
                127,
                "bash: line 1: xenith: command not found\n",
                "root@dom0: there is no xenith there: bash: line 1: xenith: command not found",
                "install it there, as /usr/sbin/xenith",
            ),
            (
                2,
                "error: unrecognized subcommand 'dial'\n",
                "root@dom0: the xenith there does not know `dial`: error: unrecognized subcommand 'dial'",
                "install this release there",
            ),
            (0, "", "root@dom0: what answers is not `xenith dial`: end of file", "try `ssh root@dom0 xenith list`"),
            (1, "a\nb\n\nc\nd\n", "ssh to root@dom0 ended (exit status: 1): b; c; d", "try `ssh root@dom0 xenith list`"),
        ] {
            let problem = refused(&destination(), Some(ExitStatus::from_raw(code << 8)), words, "end of file");
            assert_eq!((problem.detail.as_str(), problem.advice.as_str()), (title, advice));
        }
    }

    #[test]
    fn what_the_far_xenith_says_is_said_here() {
        let there =
            Problem::new(Code::NotPermitted, "/run/xenith/api.sock", "you may not use the daemon's socket", "run the command as root");
        let words = format!("motd\n{}\nConnection closed.\n", serde_json::to_string(&there).unwrap());
        let told = refused(&destination(), Some(ExitStatus::from_raw(1 << 8)), &words, "");
        assert_eq!(told, Problem { detail: "root@dom0: you may not use the daemon's socket".to_owned(), ..there });
    }

    #[test]
    fn without_ssh() {
        let told = not_started(&destination(), &io::ErrorKind::NotFound.into());
        assert_eq!(told.detail, "root@dom0: there is no ssh on this machine");
    }
}
