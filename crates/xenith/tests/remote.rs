//! `xenith --host ssh://...`, with a stand-in for ssh that runs the far command on this machine, and a daemon that plays the far one.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use tungstenite::Message;

/// As ssh: words up to `--`, the destination, and one for a shell there, whose output sshd takes from a pipe.
const STAND_IN: &str = r#"#!/bin/bash
printf '%s\n' "$*" >> "$0.log"
while [ "$1" != -- ]; do shift; done
shift 2
/bin/sh -c "$*" | cat
exit ${PIPESTATUS[0]}
"#;

const WEB: &str = r#"{"name":"web","domid":3,"uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","state":"running","vcpus":1,"memory_kib":65536,"cpu_seconds":0.5}"#;

/// A directory with the far socket, and one with an ssh.
struct Far {
    dir: tempfile::TempDir,
    path: String,
}

impl Far {
    /// The ssh is this script; none where it is empty.
    fn with(script: &str) -> Far {
        let dir = tempfile::tempdir().unwrap();
        let own = PathBuf::from(env!("CARGO_BIN_EXE_xenith"));
        let path = format!("{}:{}:/usr/bin:/bin", dir.path().display(), own.parent().unwrap().display());
        let far = Far { dir, path };
        if !script.is_empty() {
            far.put("ssh", script);
        }
        far
    }

    fn put(&self, name: &str, script: &str) {
        let file = self.dir.path().join(name);
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn socket(&self) -> PathBuf {
        // What a shell would take apart.
        self.dir.path().join("it's $(the) api.sock")
    }

    fn serve(&self, serve: impl Fn(UnixStream) + Send + 'static) {
        let listener = UnixListener::bind(self.socket()).unwrap();
        thread::spawn(move || listener.incoming().for_each(|stream| serve(stream.unwrap())));
    }

    fn xenith(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xenith"));
        command.args(["--host", "ssh://root@dom0:2222", "--socket"]).arg(self.socket()).args(words);
        command.env("PATH", &self.path).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, words: &[&str]) -> (i32, String, String) {
        outcome(&mut self.xenith(words))
    }

    /// What the stand-in was called with.
    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("ssh.log")).unwrap()
    }
}

fn outcome(command: &mut Command) -> (i32, String, String) {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Answers by method and path.
fn answer(mut stream: UnixStream) {
    let mut request = [0; 65536];
    let count = stream.read(&mut request).unwrap();
    let request = String::from_utf8_lossy(&request[..count]).into_owned();
    let (status, body) = match request.lines().next().unwrap_or_default() {
        "GET /v1/domains HTTP/1.1" => (200, format!("[{WEB}]")),
        "POST /v1/domains/web/pause HTTP/1.1" => (204, String::new()),
        _ => (404, r#"{"code":"domain-not-found","status":404,"detail":"no domain x","subject":"domain x","advice":"look"}"#.to_owned()),
    };
    write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
}

#[test]
fn a_far_daemon_answers_as_one_here_does() {
    let far = Far::with(STAND_IN);
    far.serve(answer);
    let table = "NAME  DOMID  STATE    VCPUS  MEMORY    CPU\nweb       3  running      1  64 MiB  0.5 s\n";
    assert_eq!(far.run(&["list"]), (0, table.to_owned(), String::new()));
    assert_eq!(far.run(&["pause", "web"]), (0, String::new(), String::new()));
    assert_eq!(far.run(&["pause", "x"]), (1, String::new(), "xenith: no domain x; look [domain-not-found]\n".to_owned()));
    let log = far.log();
    let log = log.lines().next().unwrap();
    assert!(
        log.starts_with("-T -a -x ") && log.contains(" -p2222 -- root@dom0 env ") && log.contains(" xenith --json --socket '"),
        "{log}"
    );
}

#[test]
fn what_the_shell_there_says_first_is_no_answer() {
    let far = Far::with(&STAND_IN.replace("/bin/sh", "echo Welcome to dom0; /bin/sh"));
    far.serve(answer);
    assert_eq!(far.run(&["pause", "web"]), (0, String::new(), String::new()));
}

#[test]
fn events_come_as_they_happen() {
    let far = Far::with(STAND_IN);
    let (next, wait) = std::sync::mpsc::channel::<()>();
    far.serve(move |mut stream| {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        assert_eq!(lines.find(|line| line.is_empty()).as_deref(), Some(""));
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
        for seq in 1..3 {
            writeln!(stream, r#"{{"seq":{seq},"time_ms":0,"kind":"domain-created","detail":"d5 web: created"}}"#).unwrap();
            wait.recv().unwrap();
        }
    });
    let mut child = far.xenith(&["events", "--follow"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    for seq in 1..3 {
        assert_eq!(lines.next().unwrap(), format!("     {seq} 1970-01-01T00:00:00Z domain-created     d5 web: created"));
        next.send(()).unwrap();
    }
    assert_eq!((lines.next(), child.wait().unwrap().code()), (None, Some(0)));
}

#[test]
fn a_way_that_breaks_is_not_the_end_of_the_events() {
    let far = Far::with(&STAND_IN.replace("exit", "echo 'Timeout, server dom0 not responding.' >&2; exit 255 #"));
    far.serve(|mut stream| {
        let _ = stream.read(&mut [0; 4096]).unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n").unwrap();
    });
    let (code, out, err) = far.run(&["events", "--follow"]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("ended (exit status: 255): Timeout, server dom0 not responding.; ask again"), "{err}");
}

#[test]
fn a_console_carries_bytes_both_ways() {
    let far = Far::with(STAND_IN);
    far.serve(|stream| {
        let mut socket = tungstenite::accept(stream).unwrap();
        socket.send(Message::binary(b"login: ".to_vec())).unwrap();
        let typed = socket.read().unwrap();
        socket.send(typed).unwrap();
        socket.close(None).unwrap();
        while socket.read().is_ok() {}
    });
    let mut child = far.xenith(&["console", "web"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"root").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"login: root"[..]));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "\nconsole of web ended: the domain is gone\n");
}

/// What the ssh does, and the one line that comes of it.
#[test]
fn every_failure_says_what_to_do_next() {
    for (script, says, code) in [
        ("", "root@dom0 port 2222: there is no ssh on this machine; install it (openssh-client)", "daemon-unreachable"),
        (
            "#!/bin/sh\necho 'ssh: connect to host dom0 port 2222: Connection refused' >&2; exit 255",
            "ended (exit status: 255): ssh: connect to host dom0 port 2222: Connection refused; see to it that `ssh root@dom0 true` works",
            "daemon-unreachable",
        ),
        ("#!/bin/sh\nPATH=/nowhere /bin/sh -c \"$9\"", "install it there, as /usr/sbin/xenith", "daemon-unreachable"),
        ("#!/bin/sh\nexec xenith dail", "the xenith there does not know `dial`: ", "daemon-unreachable"),
        ("#!/bin/sh\necho This account is not available.", "what answers is not `xenith dial`: ", "daemon-unreachable"),
        (STAND_IN, "root@dom0 port 2222: no daemon answers on ", "daemon-unreachable"),
    ] {
        let far = Far::with(script);
        let mut command = far.xenith(&["list"]);
        if script.is_empty() {
            command.env("PATH", far.dir.path());
        }
        let (exit, out, err) = outcome(&mut command);
        assert_eq!((exit, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
        assert!(err.contains(says) && err.ends_with(&format!(" [{code}]\n")), "{says}: {err}");
    }
}

#[test]
fn no_word_of_ours_is_an_option_of_ssh() {
    let far = Far::with(STAND_IN);
    for host in ["ssh://-oProxyCommand=touch", "ssh://-l@dom0", "ssh://dom0;touch", "dom0", "ssh://dom0:-p1"] {
        let (code, out, err) = outcome(Command::new(env!("CARGO_BIN_EXE_xenith")).env("PATH", &far.path).args(["--host", host, "list"]));
        assert_eq!((code, out.as_str()), (2, ""), "{host}: {err}");
        assert!(err.contains("write ssh://[USER@]HOST[:PORT]"), "{host}: {err}");
    }
    assert!(!Path::new(&far.dir.path().join("ssh.log")).exists());
}

#[test]
fn what_is_about_this_machine_is_not_asked_of_another() {
    let far = Far::with(STAND_IN);
    for words in [&["check"][..], &["all"], &["store"], &["store", "ls"], &["control"], &["console"], &["dial"]] {
        let line = format!(
            "xenith: `xenith {}` is about the machine that it runs on; run it on root@dom0 port 2222 itself [bad-request]\n",
            words[0]
        );
        let (code, out, err) = outcome(Command::new(env!("CARGO_BIN_EXE_xenith")).args(["--host", "ssh://root@dom0:2222"]).args(words));
        assert_eq!((code, out.as_str(), err.as_str()), (1, "", line.as_str()));
    }
    assert!(!far.dir.path().join("ssh.log").exists());
}

#[test]
fn names_of_the_far_host_are_completed() {
    let far = Far::with(STAND_IN);
    far.serve(answer);
    let words = ["--", "xenith", "--host", "ssh", ":", "//root@dom0", "--socket"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_xenith"));
    command.args(words).arg(far.socket()).args(["pause", "w"]).env("PATH", &far.path);
    command.env("XENITH_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "8");
    assert_eq!(outcome(&mut command), (0, "web".to_owned(), String::new()));
    assert!(far.log().contains(" -oBatchMode=yes -oConnectTimeout=3 -- root@dom0 "), "{}", far.log());
}
