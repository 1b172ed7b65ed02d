//! The script of `xenith completion bash`, as bash runs it at a TAB, with and without a daemon.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

/// What `xenith` is called on a host, whatever the test's file is called.
fn path() -> String {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_xenith"));
    format!("{}:{}", own.parent().unwrap().display(), std::env::var("PATH").unwrap())
}

/// A daemon with two domains, dom0, two stored configs and an operation.
fn daemon(dir: &Path) -> String {
    let socket = dir.join("api.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let domain = |name: &str, domid: u32| {
        let rest = r#""uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","state":"running","vcpus":1,"memory_kib":65536,"cpu_seconds":0.5"#;
        format!(r#"{{"name":"{name}","domid":{domid},{rest}}}"#)
    };
    let config = |name: &str| format!(r#"{{"config":{{"name":"{name}","memory":"64MiB","boot":{{"kernel":"/k"}}}},"etag":"\"1\""}}"#);
    let domains = format!("[{},{},{}]", domain("Domain-0", 0), domain("web", 3), domain("wiki", 4));
    let configs = format!("[{},{}]", config("web"), config("mail"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 65536];
            let count = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let body = match request.split(' ').nth(1).unwrap() {
                "/v1/domains" => &domains,
                "/v1/configs" => &configs,
                other => unreachable!("asked for {other}"),
            };
            write!(stream, "HTTP/1.1 200 x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    socket.display().to_string()
}

/// What bash is told where the line's last word is being typed; words as readline cuts them, one blank between two.
fn tab(line: &str) -> Vec<String> {
    let script = r#"
        source <(xenith completion bash)
        read -r -d '' -a COMP_WORDS <<< "$LINE"
        [[ $LINE == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9
        _clap_complete_xenith xenith "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        [[ ${#COMPREPLY[@]} == 0 ]] || printf '%s\n' "${COMPREPLY[@]}""#;
    let output = Command::new("bash").args(["--norc", "-c", script]).env("PATH", path()).env("LINE", line).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{line}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn names_of_this_moment() {
    let dir = tempfile::tempdir().unwrap();
    let socket = daemon(dir.path());
    let run_dir = dir.path().display();
    for (line, expected) in [
        ("pause ", &["web", "wiki"][..]),
        ("pause we", &["web"]),
        ("shutdown w", &["web", "wiki"]),
        ("destroy x", &[]),
        ("console ", &["web", "wiki"]),
        ("start ", &["web", "mail"]),
        ("start m", &["mail"]),
        ("config show ", &["web", "mail"]),
        ("config rm w", &["web"]),
        ("config s", &["show", "set"]),
    ] {
        assert_eq!(tab(&format!("xenith --socket {socket} {line}")), expected, "{line}");
        assert_eq!(tab(&format!("xenith --run-dir = {run_dir} {line}")), expected, "{line}");
    }
}

#[test]
fn without_a_daemon_there_are_no_names() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().display();
    assert_eq!(tab(&format!("xenith --run-dir {run_dir} pause we")), [""; 0]);
    // One that takes the connection and says nothing is waited for no longer than a moment.
    let _silent = UnixListener::bind(dir.path().join("api.sock")).unwrap();
    assert_eq!(tab(&format!("xenith --run-dir {run_dir} pause we")), [""; 0]);
}

#[test]
fn words_and_options() {
    assert_eq!(tab("xenith sh"), ["show", "shutdown"]);
    assert_eq!(tab("xenith completion "), ["bash", "zsh", "fish"]);
    assert_eq!(tab("xenith shutdown --w"), ["--wait"]);
    let verbs = tab("xenith ");
    assert!(verbs.contains(&"create".to_owned()) && verbs.contains(&"completion".to_owned()), "{verbs:?}");
    assert!(!verbs.iter().any(|word| word.starts_with('-')), "{verbs:?}");
}

#[test]
fn every_shell_has_a_script() {
    for (shell, registers) in [("bash", "complete -o"), ("zsh", "#compdef xenith"), ("fish", "complete --keep-order")] {
        let output = Command::new(env!("CARGO_BIN_EXE_xenith")).args(["completion", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains(registers), "{script}");
        assert!(
            script.contains(&format!("XENITH_COMPLETE=\"{shell}\"")) || script.contains(&format!("XENITH_COMPLETE={shell} ")),
            "{script}"
        );
    }
}
