//! The program as a person or a script meets it: what it prints, where, and its exit code.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

fn xenith(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xenith")).args(arguments).stdin(Stdio::null()).output().unwrap()
}

/// Exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = xenith(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A daemon that answers each connection with the next reply: status and body.
fn daemon(dir: &Path, replies: Vec<(u16, String)>) -> String {
    let socket = dir.join("api.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || {
        for (status, body) in replies {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 65536];
            let _ = stream.read(&mut request).unwrap();
            write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    socket.display().to_string()
}

const WEB: &str = r#"{"name":"web","domid":3,"uuid":"0b27a5f4-6b3c-4a0e-9f57-2f3d9a1c7e55","state":"running","vcpus":1,"memory_kib":65536,"cpu_seconds":0.5}"#;

#[test]
fn no_daemon_is_one_line_with_a_code() {
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().display().to_string();
    let socket = format!("{run_dir}/api.sock");
    let config = dir.path().join("web.toml");
    std::fs::write(&config, "name = \"web\"\nmemory = \"64MiB\"\n[boot]\nkernel = \"/vmlinuz\"\n").unwrap();
    let config = config.display().to_string();
    let told = format!(
        "xenith: no daemon answers on {socket}: no such file or directory; start it with `xenith all`, or name its socket with --socket [daemon-unreachable]\n"
    );
    for words in [
        &["list"][..],
        &["info"],
        &["create", &config],
        &["pause", "web"],
        &["unpause", "web"],
        &["shutdown", "web"],
        &["destroy", "web"],
        &["console", "web"],
        &["console", "web", "--log"],
    ] {
        assert_eq!(run(&[words, &["--run-dir", &run_dir]].concat()), (1, String::new(), told.clone()), "{words:?}");
    }
    let (code, _, json) = run(&["list", "--json", "--run-dir", &run_dir]);
    let problem: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, problem["code"].as_str(), json.lines().count()), (1, Some("daemon-unreachable"), 1));
}

#[test]
fn a_bad_config_gets_a_line_for_each_complaint() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("web.toml");
    std::fs::write(&file, "nmae = \"web\"\nvcpus = 0\n[boot]\nkernal = \"/vmlinuz\"\n").unwrap();
    let file = file.display().to_string();
    let expected = format!(
        "xenith: {file}:1: nmae = \"web\": unknown key; did you mean name? [config-unknown-key]\n\
         xenith: {file}:2: vcpus = 0: a domain has 1 to 128 vcpus [config-out-of-range]\n\
         xenith: {file}:4: boot.kernal = \"/vmlinuz\": unknown key; did you mean boot.kernel? [config-unknown-key]\n\
         xenith: {file}: name: is missing; add a line like name = \"web\" [config-missing-key]\n\
         xenith: {file}: memory: is missing; add a line like memory = \"512MiB\" [config-missing-key]\n\
         xenith: {file}: boot.kernel: is missing; add a line like kernel = \"/boot/vmlinuz\" under [boot] [config-missing-key]\n"
    );
    assert_eq!(run(&["create", &file]), (1, String::new(), expected));
    let (code, _, json) = run(&["create", &file, "--json"]);
    let problem: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, problem["complaints"].as_array().unwrap().len(), problem["complaints"][1]["line"].as_u64()), (1, 6, Some(2)));
}

#[test]
fn configs_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let none = dir.path().join("none.toml").display().to_string();
    let (binary, large) = (at("binary", b"\xff\xfe"), at("large", &vec![b'#'; 2 << 20]));
    for (file, says) in
        [(&none, "No such file"), (&dir.path().display().to_string(), "s a directory"), (&binary, "UTF-8"), (&large, "too large")]
    {
        let (code, out, err) = run(&["create", file]);
        assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
        assert!(err.starts_with(&format!("xenith: cannot read {file}: ")) && err.contains(says), "{err}");
        assert!(err.ends_with("; name a config file that you may read [file-unreadable]\n"), "{err}");
    }
}

#[test]
fn answers_as_text_and_as_json() {
    let dir = tempfile::tempdir().unwrap();
    let socket = daemon(dir.path(), vec![(200, format!("[{WEB}]")), (200, format!("[{WEB}]")), (204, String::new()), (204, String::new())]);
    let table = "NAME  DOMID  STATE    VCPUS  MEMORY    CPU\nweb       3  running      1  64 MiB  0.5 s\n";
    assert_eq!(run(&["list", "--socket", &socket]), (0, table.to_owned(), String::new()));
    let (code, json, _) = run(&["list", "--json", "--socket", &socket]);
    let list: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &list[0]), (0, &serde_json::from_str::<serde_json::Value>(WEB).unwrap()));
    assert_eq!(run(&["pause", "web", "--socket", &socket]), (0, String::new(), String::new()));
    let done = (0, "{\"done\":\"destroyed\",\"id\":\"web\"}\n".to_owned(), String::new());
    assert_eq!(run(&["destroy", "web", "--json", "--socket", &socket]), done);
}

#[test]
fn a_created_domain_and_a_refused_one() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("web.toml");
    std::fs::write(&config, "name = \"web\"\nmemory = \"64MiB\"\n[boot]\nkernel = \"/vmlinuz\"\n").unwrap();
    let config = config.display().to_string();
    let refused = r#"{"code":"config-invalid","status":422,"detail":"1 complaint","subject":"domain web","advice":"correct it",
        "complaints":[{"code":"file-unreadable","key":"boot.kernel","value":"/vmlinuz","message":"is not there; name a kernel"}]}"#;
    let socket = daemon(dir.path(), vec![(201, format!("{{\"domain\":{WEB},\"plan\":[]}}")), (422, refused.to_owned())]);
    let create = ["create", &config, "--socket", &socket];
    assert_eq!(run(&create), (0, "web: domain 3, running\n".to_owned(), String::new()));
    let line = format!("xenith: {config}:4: boot.kernel = /vmlinuz: is not there; name a kernel [file-unreadable]\n");
    assert_eq!(run(&create), (1, String::new(), line));
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for words in [&[][..], &["crate"], &["create"], &["list", "--sockt", "x"], &["shutdown", "web", "--wait", "x"]] {
        let (code, out, err) = run(words);
        assert_eq!((code, out.as_str(), err.is_empty()), (2, "", false), "{words:?}");
    }
}

#[test]
fn help_has_examples_for_every_word() {
    for word in [
        "create",
        "list",
        "info",
        "console",
        "pause",
        "unpause",
        "shutdown",
        "destroy",
        "check",
        "completion",
        "help",
        "all",
        "control",
        "store",
    ] {
        let (code, help, _) = run(&[word, "--help"]);
        assert_eq!(code, 0);
        assert!(help.contains("Examples:") && help.contains(&format!("  xenith {word}")), "{help}");
        assert_eq!(run(&["help", word]), (0, help, String::new()));
    }
    let (_, store, _) = run(&["store", "--help"]);
    let words = store.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let words: Vec<&str> = words.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(words.contains(&"ls") && words.contains(&"top"), "{words:?}");
    for word in words {
        let (code, help, _) = run(&["store", word, "--help"]);
        assert!(code == 0 && help.contains("Examples:") && help.contains(&format!("  xenith store {word}")), "{help}");
        assert_eq!(run(&["help", "store", word]), (0, help, String::new()));
    }
    let (_, config, _) = run(&["help", "config"]);
    assert!(config.contains("[boot]") && config.contains("kernel = \"/boot/vmlinuz\""));
    let (code, _, err) = run(&["help", "nothing"]);
    assert_eq!((code, err.lines().count()), (1, 1));
}

/// This machine is no Xen host, or this test has no right to be one: either way a role says so and touches nothing.
#[test]
fn roles_refuse_a_host_that_cannot_run_them() {
    if Path::new("/dev/xen/privcmd").exists() {
        eprintln!("skipped: this machine runs under Xen");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let run_dir = dir.path().join("run").display().to_string();
    for words in [&["all"][..], &["store"], &["console"], &["control"]] {
        let (code, out, err) = run(&[words, &["--run-dir", &run_dir]].concat());
        assert_eq!((code, out.as_str(), err.lines().count()), (1, "", 1), "{err}");
        assert!(err.contains("no hypervisor is present; boot this machine with Xen") && err.ends_with("[xen-absent]\n"), "{err}");
    }
    assert!(!Path::new(&run_dir).exists());
    let (code, text, _) = run(&["check"]);
    assert!(code == 1 && text.starts_with("missing  hypervisor: no hypervisor is present; "), "{text}");
    let (code, json, _) = run(&["check", "--json"]);
    let findings: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, findings[0]["state"].as_str()), (1, Some("missing")));
}

#[test]
fn a_reader_that_went_away_is_no_problem() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_xenith")).args(["help", "config"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
