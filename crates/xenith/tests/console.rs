//! `xenith console NAME` on a real terminal (a pty) and on a pipe, against a daemon that plays the console.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used)]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use tungstenite::Message;

/// Says `login: `, then repeats what is typed until `typed` bytes came; then closes, or goes on listening.
fn daemon(dir: &Path, typed: usize, close: bool) -> thread::JoinHandle<Vec<u8>> {
    let listener = UnixListener::bind(dir.join("api.sock")).unwrap();
    thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        socket.send(Message::binary(b"login: ".to_vec())).unwrap();
        let mut heard = Vec::new();
        while heard.len() < typed {
            let Ok(message) = socket.read() else { return heard };
            heard.extend_from_slice(&message.into_data());
        }
        socket.send(Message::binary(heard.clone())).unwrap();
        if close {
            socket.close(None).unwrap();
        }
        while socket.read().is_ok() {}
        heard
    })
}

fn console(dir: &Path, stdin: Stdio) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xenith"));
    command.args(["console", "web", "--run-dir"]).arg(dir).stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn outcome(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Both ends of a terminal: the person's and the program's.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (File::from(person), program)
}

fn is_raw(terminal: &File) -> bool {
    !tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ICANON)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    unreachable!("not within 10 s: {what}");
}

#[test]
fn a_terminal_is_raw_while_attached_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let heard = daemon(dir.path(), 5, false);
    let (mut person, program) = terminal();
    let mut child = console(dir.path(), program.try_clone().unwrap().into());
    until("raw mode", || is_raw(&program));
    person.write_all(b"a\x03b\rc").unwrap();
    let mut shown = [0; 12];
    child.stdout.as_mut().unwrap().read_exact(&mut shown).unwrap();
    assert_eq!(&shown, b"login: a\x03b\rc");
    person.write_all(b"\x1d").unwrap();
    let (code, out, err) = outcome(child);
    assert_eq!((code, out.as_str()), (Some(0), ""));
    assert!(err.contains("attached to web; Ctrl-] leaves"), "{err}");
    assert!(!is_raw(&program));
    assert_eq!(heard.join().unwrap(), b"a\x03b\rc");
}

#[test]
fn a_signal_gives_the_terminal_back() {
    let dir = tempfile::tempdir().unwrap();
    let _heard = daemon(dir.path(), 1, false);
    let (_person, program) = terminal();
    let child = console(dir.path(), program.try_clone().unwrap().into());
    until("raw mode", || is_raw(&program));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(outcome(child).0, Some(0));
    assert!(!is_raw(&program));
}

#[test]
fn a_pipe_is_passed_on_and_the_domains_end_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let _heard = daemon(dir.path(), 4, true);
    let mut child = console(dir.path(), Stdio::piped());
    // Ctrl-] is a byte like any other here.
    child.stdin.take().unwrap().write_all(b"ab\x1dc").unwrap();
    let (code, out, err) = outcome(child);
    assert_eq!((code, out.as_str()), (Some(0), "login: ab\u{1d}c"));
    assert_eq!(err, "\nconsole of web ended: the domain is gone\n");
}

#[test]
fn a_daemon_that_dies_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(dir.path().join("api.sock")).unwrap();
    thread::spawn(move || {
        let mut socket = tungstenite::accept(listener.accept().unwrap().0).unwrap();
        socket.send(Message::binary(b"login: ".to_vec())).unwrap();
        let _ = socket.get_mut().read(&mut [0; 1]);
    });
    let mut child = console(dir.path(), Stdio::piped());
    child.stdin.take().unwrap().write_all(b"x").unwrap();
    let (code, out, err) = outcome(child);
    assert_eq!((code, out.as_str()), (Some(1), "login: "));
    assert!(err.contains("attach again: the domain runs on") && err.ends_with("[daemon-unreachable]\n"), "{err}");
}
