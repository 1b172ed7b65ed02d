//! One store program after another in one process: sockets stay open, watches fire, a ring goes on in the middle of a message. Here ours hands
//! over to ours on plain Linux; with C xenstored in one of the places the same bytes are at work.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use xen_store::wire::{self, Message, MsgType, Parser};

const XENITH: &str = env!("CARGO_BIN_EXE_xenith");
const PATIENCE: Duration = Duration::from_secs(60);

/// What a store would tell that does not come back in time.
fn within<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(5));
    }
}

struct Store {
    child: Child,
    directory: PathBuf,
}

impl Store {
    fn start(directory: &Path) -> Store {
        Store::start_as(directory, Command::new(XENITH).args(["store", "--standalone"]).arg(directory))
    }

    /// C xenstored behind a program that makes it live in a directory.
    fn start_peer(directory: &Path, program: &str) -> Store {
        fs::write(directory.join("xsd_port"), "5").unwrap();
        let mut command = Command::new(program);
        command.arg("-N").env("XSSHIM_DIR", directory).env("XENSTORED_RUNDIR", directory).env("XENSTORED_PATH", directory.join("socket"));
        Store::start_as(directory, &mut command)
    }

    fn start_as(directory: &Path, command: &mut Command) -> Store {
        fs::write(directory.join("ring.0"), [0; 4096]).unwrap();
        let child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let store = Store { child, directory: directory.to_owned() };
        within("the store does not come up", || UnixStream::connect(directory.join("socket")).ok());
        store
    }

    /// Its own words, which the kernel shows.
    fn command_line(&self) -> String {
        fs::read_to_string(format!("/proc/{}/cmdline", self.child.id())).unwrap().replace('\0', " ")
    }

    fn hand_over(&self, words: &[&str]) -> Output {
        self.run(&[&["handback", "--program", XENITH], words].concat())
    }

    /// `xenith store ...` to this store.
    fn run(&self, words: &[&str]) -> Output {
        Command::new(XENITH).arg("store").args(words).env("XENSTORED_PATH", self.directory.join("socket")).output().unwrap()
    }

    /// The whole tree with its permissions.
    fn tree(&self) -> String {
        String::from_utf8(self.run(&["ls", "-f", "-p"]).stdout).unwrap()
    }

    fn client(&self) -> Client {
        let socket = UnixStream::connect(self.directory.join("socket")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { socket, parser: Parser::default() }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client {
    socket: UnixStream,
    parser: Parser,
}

impl Client {
    fn send(&mut self, kind: MsgType, tx_id: u32, payload: &str) {
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 1, tx_id, payload.replace('|', "\0").as_bytes(), &mut bytes).unwrap();
        self.socket.write_all(&bytes).unwrap();
    }

    fn next(&mut self) -> Message {
        loop {
            if let Some(message) = self.parser.next_message().unwrap() {
                return message;
            }
            let mut bytes = [0; 4096];
            let count = self.socket.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "the store closed the connection");
            self.parser.push(&bytes[..count]);
        }
    }

    /// The next reply or event, as text.
    fn said(&mut self) -> String {
        String::from_utf8(self.next().payload).unwrap().replace('\0', "|")
    }

    fn ask(&mut self, kind: MsgType, tx_id: u32, payload: &str) -> String {
        self.send(kind, tx_id, payload);
        self.said()
    }
}

/// dom0's kernel: the ring of a file.
struct Ring {
    page: File,
    channel: UnixDatagram,
    directory: PathBuf,
}

impl Ring {
    fn of(directory: &Path) -> Ring {
        let page = OpenOptions::new().read(true).write(true).open(directory.join("ring.0")).unwrap();
        let channel = UnixDatagram::bind(directory.join("ev.0")).unwrap();
        Ring { page, channel, directory: directory.to_owned() }
    }

    fn word(&self, at: u64) -> u32 {
        let mut bytes = [0; 4];
        self.page.read_exact_at(&mut bytes, at).unwrap();
        u32::from_le_bytes(bytes)
    }

    /// Requests are short here and stay in the ring's first kilobyte.
    fn send(&self, bytes: &[u8]) {
        let produced = self.word(2052);
        self.page.write_all_at(bytes, produced.into()).unwrap();
        self.page.write_all_at(&(produced + bytes.len() as u32).to_le_bytes(), 2052).unwrap();
        self.channel.send_to(&1000u32.to_le_bytes(), self.directory.join("evtchn")).unwrap();
    }

    /// Everything that the store has said.
    fn received(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.word(2060) as usize];
        self.page.read_exact_at(&mut bytes, 1024).unwrap();
        bytes
    }
}

#[test]
fn sockets_watches_and_a_half_request_in_a_ring_go_on_in_the_next_program() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let mut client = store.client();
    assert_eq!(client.ask(MsgType::Write, 0, "/a|value"), "OK|");
    assert_eq!(client.ask(MsgType::Watch, 0, "/a|mine|"), "OK|");
    assert_eq!(client.said(), "/a|mine|");
    let ring = Ring::of(directory.path());
    let (mut request, mut reply) = (Vec::new(), Vec::new());
    wire::encode(MsgType::Read.number(), 7, 0, b"/a\0", &mut request).unwrap();
    wire::encode(MsgType::Read.number(), 7, 0, b"value", &mut reply).unwrap();
    ring.send(&request[..18]);
    within("the half request is not taken", || (ring.word(2048) == 18).then_some(()));

    let place = directory.path().to_str().unwrap();
    let done = store.hand_over(&["--", "--standalone", place]);
    assert!(done.status.success(), "{done:?}");
    assert!(store.command_line().ends_with(&format!("--standalone {place} -U ")), "{}", store.command_line());

    ring.send(&request[18..]);
    within("the request is not answered", || (ring.received() == reply).then_some(()));
    // Its own event comes before its answer, as from C xenstored.
    assert_eq!(client.ask(MsgType::Write, 0, "/a|other"), "/a|mine|");
    assert_eq!(client.said(), "OK|");
    assert!(!directory.path().join("state_dump").exists(), "the dump is used up");
}

/// Programs that start a stock C xenstored in `$XSSHIM_DIR`, separated by colons: rings, event channels and domains by the files of
/// `xenith_store::standalone`.
const PEERS: &str = "XENITH_PEER_XENSTOREDS";

#[test]
#[ignore = "needs stock daemons: XENITH_PEER_XENSTOREDS"]
fn from_c_xenstored_and_back() {
    let peers = std::env::var(PEERS).expect(PEERS);
    for peer in peers.split(':') {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::start_peer(directory.path(), peer);
        let place = directory.path().to_str().unwrap();
        let mut client = store.client();
        assert_eq!(client.ask(MsgType::Write, 0, "/a|value"), "OK|");
        assert_eq!(client.ask(MsgType::SetPerms, 0, "/a|n0|r0|"), "OK|");
        assert_eq!(client.ask(MsgType::Watch, 0, "/a|mine|"), "OK|");
        assert_eq!(client.said(), "/a|mine|");
        let ring = Ring::of(directory.path());
        let (mut request, mut reply) = (Vec::new(), Vec::new());
        wire::encode(MsgType::Read.number(), 7, 0, b"/a\0", &mut request).unwrap();
        wire::encode(MsgType::Read.number(), 7, 0, b"value", &mut reply).unwrap();
        let before = store.tree();
        assert!(before.contains("/a = \"value\""), "{before}");
        for (round, words) in [
            vec!["takeover", "--standalone", place, "--fallback", peer],
            vec!["handback", "--program", peer, "--", "-N"],
            vec!["takeover", "--standalone", place, "--fallback", peer],
        ]
        .into_iter()
        .enumerate()
        {
            let taken = u32::try_from(round * request.len()).unwrap();
            ring.send(&request[..18]);
            within("the half request is not taken", || (ring.word(2048) == taken + 18).then_some(()));
            let done = store.run(&words);
            assert!(done.status.success(), "{peer} {words:?}: {done:?}");
            assert!(store.command_line().ends_with("-U "), "{}", store.command_line());
            ring.send(&request[18..]);
            let expected = reply.repeat(round + 1);
            within("the request is not answered", || (ring.received() == expected).then_some(()));
            assert_eq!(store.tree(), before, "{peer} {words:?}");
            // Its own event comes before its answer, as from C xenstored.
            assert_eq!(client.ask(MsgType::Write, 0, "/a|value"), "/a|mine|");
            assert_eq!(client.said(), "OK|");
        }
    }
}

#[test]
fn a_program_that_cannot_go_on_gives_everything_back() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let mut client = store.client();
    assert_eq!(client.ask(MsgType::Write, 0, "/a|value"), "OK|");
    let fallback = directory.path().join("fallback");
    fs::write(&fallback, format!("#!/bin/sh\nexec {XENITH} --standalone {} \"$@\"\n", directory.path().display())).unwrap();
    fs::set_permissions(&fallback, fs::Permissions::from_mode(0o755)).unwrap();
    if Path::new("/dev/xen/privcmd").exists() {
        return; // There is a Xen here that it could go on with.
    }
    // Without --standalone it needs a Xen.
    store.hand_over(&["--", "--fallback", fallback.to_str().unwrap(), "--kept"]);
    assert!(store.command_line().ends_with("--kept -U "), "{}", store.command_line());
    assert_eq!(client.ask(MsgType::Read, 0, "/a|"), "value");
}

#[test]
fn an_open_transaction_is_waited_for_and_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let (mut client, mut later) = (store.client(), store.client());
    let tx_id: u32 = client.ask(MsgType::TransactionStart, 0, "|").trim_end_matches('|').parse().unwrap();
    assert_eq!(client.ask(MsgType::Write, tx_id, "/t|1"), "OK|");
    let place = directory.path().to_str().unwrap();
    let refused = store.hand_over(&["--wait", "1", "--", "--standalone", place]);
    let why = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(why.contains("transactions are open, and the time is up: socket"), "{why}");
    // It goes on, and new transactions begin.
    let other: u32 = later.ask(MsgType::TransactionStart, 0, "|").trim_end_matches('|').parse().unwrap();
    assert_eq!(later.ask(MsgType::TransactionEnd, other, "F|"), "OK|");
    assert_eq!(client.ask(MsgType::TransactionEnd, tx_id, "T|"), "OK|");
    assert!(store.hand_over(&["--", "--standalone", place]).status.success());
    assert_eq!(client.ask(MsgType::Read, 0, "/t|"), "1");
}

#[test]
fn what_is_no_program_is_refused_and_nothing_is_changed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let mut client = store.client();
    let text = directory.path().join("text");
    fs::write(&text, "no program").unwrap();
    let socket = directory.path().join("socket");
    let run = |words: &[&str]| {
        let output = Command::new(XENITH).arg("store").args(words).env("XENSTORED_PATH", &socket).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, why) = run(&["handback", "--program", text.to_str().unwrap()]);
    assert!(code == Some(1) && why.contains("is no program"), "{why}");
    let (code, why) = run(&["takeover"]);
    assert!(code == Some(1) && why.contains("it is ours already"), "{why}");
    assert_eq!(client.ask(MsgType::Write, 0, "/a|1"), "OK|");
    assert!(store.command_line().contains(" store --standalone "), "{}", store.command_line());
}
