//! `xenith store COMMAND` against a store that runs, over its socket. What is printed is what xenstore-utils 4.17 prints for the same tree.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

const XENITH: &str = env!("CARGO_BIN_EXE_xenith");

struct Store {
    child: Child,
    directory: PathBuf,
}

impl Store {
    /// In this directory; back once it answers.
    fn start(directory: &Path) -> Store {
        let child = Command::new(XENITH).args(["store", "--standalone"]).arg(directory).stderr(Stdio::null()).spawn().unwrap();
        let store = Store { child, directory: directory.to_owned() };
        let begun = Instant::now();
        while store.run(&["exists", "/tool"]).0 != 0 {
            assert!(begun.elapsed() < Duration::from_secs(60), "the store does not come up");
            sleep(Duration::from_millis(20));
        }
        store
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(XENITH);
        command.arg("store").args(words).stdin(Stdio::null()).env("XENSTORED_PATH", self.directory.join("socket"));
        command
    }

    /// Exit code, standard output, standard error.
    fn run(&self, words: &[&str]) -> (i32, String, String) {
        let output = self.command(words).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// What is printed where all is well.
    fn told(&self, words: &[&str]) -> String {
        let (code, out, err) = self.run(words);
        assert_eq!((code, err.as_str()), (0, ""), "{words:?}");
        out
    }

    fn json(&self, words: &[&str]) -> serde_json::Value {
        serde_json::from_str(&self.told(&[words, &["--json"]].concat())).unwrap()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_directory_that_cannot_be_used_is_the_askers_fault() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let long = "x".repeat(120);
    for (name, what) in [("file", "cannot make"), ("file/below", "cannot make"), (&long, "cannot")] {
        let output = Command::new(XENITH).args(["store", "--standalone"]).arg(directory.path().join(name)).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(told.contains(what) && told.contains("name a directory that you can write"), "{name}: {told}");
        assert!(told.contains("bad-request"), "{name}: {told}");
    }
}

#[test]
fn a_tree_is_written_shown_and_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let long = "y".repeat(300);
    assert_eq!(store.told(&["write", "/vm/x", "hello", "/vm/bin", r"a\x00\xff\n\\", "/vm/empty", "", "/vm/long", &long]), "");
    store.told(&["perms", "/vm/x", "n0", "r0"]);
    let shown = format!(
        "x = \"hello\" {}  (n0,r0)\nbin = \"a\\000\\xff\\n\\\\\"{}  (n0)\nempty = \"\" {}  (n0)\nlong = \"{}\\...\"  (n0)\n",
        ". ".repeat(23),
        " .".repeat(20),
        ". ".repeat(24),
        "y".repeat(68)
    );
    let ls = store.told(&["ls", "-p", "/vm"]);
    for (seen, expected) in ls.lines().zip(shown.lines()) {
        let words = |line: &str| line.replace(". ", "").replace(" .", "").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(seen), words(expected));
    }
    assert_eq!(ls.lines().count(), 4, "{ls}");
    let flat = format!("/vm/x = \"hello\"\n/vm/bin = \"a\\000\\xff\\n\\\\\"\n/vm/empty = \"\"\n/vm/long = \"{long}\"\n");
    assert_eq!(store.told(&["ls", "-f", "/vm"]), flat);
    assert_eq!(store.told(&["list", "-p", "/vm"]), "/vm/x\n/vm/bin\n/vm/empty\n/vm/long\n");
    assert_eq!(store.told(&["read", "-p", "/vm/x", "/vm/bin"]), "/vm/x: hello\n/vm/bin: a\\000\\xff\\n\\\\\n");
    assert_eq!(store.json(&["read", "/vm/x", "/vm/bin"])[1]["value_hex"], "6100ff0a5c");
    assert_eq!(store.json(&["ls", "-p", "/vm"])[0]["perms"], serde_json::json!(["n0", "r0"]));
    assert_eq!(store.told(&["perms", "/vm/x"]), "n0,r0\n");
    store.told(&["mkdir", "/vm/x", "/vm/made"]);
    assert_eq!(store.told(&["read", "/vm/x"]), "hello\n", "a node that is there keeps its value");
    store.told(&["rm", "/vm/x", "/vm/bin", "/vm/long", "/vm/made"]);
    store.told(&["rm", "--tidy", "/vm/empty"]);
    assert_eq!(store.run(&["exists", "/vm"]).0, 1);
}

#[test]
fn what_is_wrong_is_one_line_with_the_next_step() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    for (words, says) in [
        (&["read", "/nope"][..], "/nope: READ: there is no such node (ENOENT); look what there is with `xenith store ls` [store-refused]"),
        (
            &["read", "/a//b"],
            "\"/a//b\" is no path of the store: a path has no empty component; write it like /local/domain/0/name [bad-request]",
        ),
        (&["write", "/a"], "a node stands without its value; give NODE VALUE pairs, or one NODE and --stdin [bad-request]"),
        (
            &["perms", "/tool", "q9"],
            "\"q9\" is neither a whole path nor a PERM; a PERM is one of n, r, w, b and a domid, like r3 [bad-request]",
        ),
        (
            &["perms", "/tool", "n77"],
            "/tool: SET_PERMS: there is no such node, or no domain that a PERM names (ENOENT); look with `xenith store ls` and `xenith list` [store-refused]",
        ),
        (
            &["control", "dance"],
            "dance: CONTROL: the store does not know the command (EINVAL); see `xenith store control help` [store-refused]",
        ),
    ] {
        assert_eq!(store.run(words), (1, String::new(), format!("xenith: {says}\n")), "{words:?}");
    }
    let none = directory.path().join("none").display().to_string();
    let (code, out, err) = store.run(&["ls", "--socket", &none]);
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(
        err.contains(&format!("no store answers on {none}: "))
            && err.ends_with("start it with `xenith all`, or name its socket with --socket [store-unreachable]\n"),
        "{err}"
    );
}

#[test]
fn figures_of_who_does_what() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    store.told(&["write", "/local/domain/0/name", "Domain-0"]);
    let frame = store.json(&["top", "-n", "1", "-d", "0.1"]);
    let clients = frame["clients"].as_array().unwrap();
    assert_eq!((&clients[0]["client"], &clients[1]["client"], &clients[1]["name"]), (&"tools".into(), &"d0".into(), &"Domain-0".into()));
    assert!(clients[0]["per_second"]["requests"].as_f64().unwrap() > 0.0, "top's own requests at least: {frame}");
    let table = store.told(&["top", "--batch", "-n", "2", "-d", "0.1"]);
    assert_eq!(table.lines().filter(|line| line.starts_with("CLIENT  NAME ")).count(), 2, "{table}");
    let metrics = store.told(&["metrics"]);
    let counted = |metrics: &str| -> u64 {
        let line = metrics.lines().find(|line| line.starts_with("xenith_store_requests_total{client=\"tools\"} ")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(metrics.ends_with("# EOF\n") && metrics.contains("xenith_store_nodes{client=\"d0\",name=\"Domain-0\"} "), "{metrics}");
    assert!(counted(&store.told(&["metrics"])) > counted(&metrics), "clients that left are counted in");
}

/// A keeper that was killed costs a reconnection: the watcher makes it, says so, and everything is told once.
#[test]
fn a_watcher_survives_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let mut watcher = store.command(&["watch", "-n", "4", "/a"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watcher.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().as_deref(), Some("/a"));
    store.told(&["write", "/a/b", "1"]);
    assert_eq!(lines.next().as_deref(), Some("/a/b"));
    drop(store);
    let store = Store::start(directory.path());
    assert_eq!(lines.next().as_deref(), Some("/a"), "watched again");
    store.told(&["write", "/a/c", "1"]);
    assert_eq!(lines.next().as_deref(), Some("/a/c"));
    let output = watcher.wait_with_output().unwrap();
    let told = "xenith: the store closed the connection; waiting for it to come back [store-unreachable]\n\
                xenith: the store is back; every node is watched again, and told once [store-unreachable]\n";
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), told));
}

/// `xenith store top | head` and the like: whoever prints for ever ends with its reader.
#[test]
fn a_reader_that_went_away_ends_it() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    for words in [&["watch", "/a"][..], &["watch", "--json", "/a"], &["top", "-b", "-d", "0.1"], &["top", "--json", "-d", "0.1"]] {
        let mut child = store.command(words).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        let begun = Instant::now();
        let code = loop {
            store.told(&["write", "/a/b", "1"]);
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            if begun.elapsed() > Duration::from_secs(60) {
                let _ = child.kill();
                panic!("{words:?} goes on for nobody");
            }
            sleep(Duration::from_millis(20));
        };
        assert_eq!(code, Some(0), "{words:?}");
    }
}
