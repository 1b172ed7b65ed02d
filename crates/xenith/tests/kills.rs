//! A store whose worker, or keeper, is killed with SIGKILL: nothing that was said is lost, said twice or answered twice.

// Helpers of tests, which the lint does not know as such.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use xen_store::wire::{self, HEADER_LEN, Message, MsgType, PAYLOAD_MAX, Parser};

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
        sleep(Duration::from_micros(200));
    }
}

struct Store {
    keeper: Child,
    directory: PathBuf,
}

impl Store {
    fn start(directory: &Path) -> Store {
        fs::write(directory.join("ring.0"), [0; 4096]).unwrap();
        Store::go_on(directory)
    }

    /// In a directory where one was.
    fn go_on(directory: &Path) -> Store {
        Store::of_program(Path::new(XENITH), directory)
    }

    fn of_program(program: &Path, directory: &Path) -> Store {
        let mut command = Command::new(program);
        let keeper = command.args(["store", "--standalone"]).arg(directory).stderr(Stdio::null()).spawn().unwrap();
        let store = Store { keeper, directory: directory.to_owned() };
        within("the store does not come up", || UnixStream::connect(directory.join("socket")).ok());
        store
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.keeper)
    }

    /// The worker that serves now, or the one that is about to.
    fn worker(&self) -> Option<Pid> {
        let pid = self.keeper.id();
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        Pid::from_raw(children.split_whitespace().next()?.parse().ok()?)
    }

    /// Kills the worker wherever it is.
    fn kill_worker(&self) {
        let worker = within("there is no worker", || self.worker());
        let _ = kill_process(worker, Signal::KILL);
    }

    fn client(&self) -> Client {
        let socket = within("nobody can connect", || UnixStream::connect(self.directory.join("socket")).ok());
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { socket, parser: Parser::default(), asked: 0 }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

struct Client {
    socket: UnixStream,
    parser: Parser,
    /// The number of the last request: its reply must have it.
    asked: u32,
}

fn encoded(kind: MsgType, req_id: u32, tx_id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(kind.number(), req_id, tx_id, payload, &mut bytes).unwrap();
    bytes
}

impl Client {
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

    fn send(&mut self, kind: MsgType, tx_id: u32, payload: &str) {
        self.asked += 1;
        self.socket.write_all(&encoded(kind, self.asked, tx_id, payload.replace('|', "\0").as_bytes())).unwrap();
    }

    /// The reply to the last request, which must be the next message.
    fn reply(&mut self) -> String {
        let message = self.next();
        assert_eq!(message.req_id, self.asked, "{message:?}");
        String::from_utf8(message.payload).unwrap().replace('\0', "|")
    }

    fn ask(&mut self, kind: MsgType, tx_id: u32, payload: &str) -> String {
        self.send(kind, tx_id, payload);
        self.reply()
    }
}

/// A domain's end of its ring: dom0's kernel.
struct Ring {
    page: File,
    channel: UnixDatagram,
    directory: PathBuf,
}

const REQ_CONS: u64 = 2048;
const REQ_PROD: u64 = 2052;
const RSP_CONS: u64 = 2056;
const RSP_PROD: u64 = 2060;

impl Ring {
    fn of(directory: &Path) -> Ring {
        let page = OpenOptions::new().read(true).write(true).open(directory.join("ring.0")).unwrap();
        let channel = UnixDatagram::bind(directory.join("ev.0")).unwrap();
        channel.set_nonblocking(true).unwrap();
        Ring { page, channel, directory: directory.to_owned() }
    }

    fn word(&self, at: u64) -> u32 {
        let mut bytes = [0; 4];
        self.page.read_exact_at(&mut bytes, at).unwrap();
        u32::from_le_bytes(bytes)
    }

    fn set(&self, at: u64, value: u32) {
        self.page.write_all_at(&value.to_le_bytes(), at).unwrap();
    }

    fn kick(&self) {
        // The store's queue may be full, or away: it looks at every ring when it comes.
        let _ = self.channel.send_to(&1000u32.to_le_bytes(), self.directory.join("evtchn"));
    }

    /// Puts a byte in once there is room.
    fn put(&self, byte: u8) {
        let produced = self.word(REQ_PROD);
        within("the store takes nothing", || (produced.wrapping_sub(self.word(REQ_CONS)) < 1024).then_some(()));
        self.page.write_all_at(&[byte], u64::from(produced % 1024)).unwrap();
        self.set(REQ_PROD, produced.wrapping_add(1));
        self.kick();
    }

    /// Takes a byte once there is one.
    fn take(&self) -> u8 {
        let consumed = self.word(RSP_CONS);
        within("the store says nothing", || (self.word(RSP_PROD) != consumed).then_some(()));
        let mut byte = [0];
        self.page.read_exact_at(&mut byte, 1024 + u64::from(consumed % 1024)).unwrap();
        self.set(RSP_CONS, consumed.wrapping_add(1));
        self.kick();
        let mut event = [0; 4];
        while self.channel.recv(&mut event).is_ok() {}
        byte[0]
    }

    fn wait_until_taken(&self) {
        within("the store takes nothing", || (self.word(REQ_CONS) == self.word(REQ_PROD)).then_some(()));
    }
}

/// A write with a payload of the longest that there is, and the value in it. The quota of a node is that of domains, not of dom0.
fn longest_write(path: &str) -> (Vec<u8>, Vec<u8>) {
    let value: Vec<u8> = (0..PAYLOAD_MAX - path.len() - 1).map(|index| b'a' + (index % 23) as u8).collect();
    (encoded(MsgType::Write, 7, 0, &[path.as_bytes(), b"\0", &value].concat()), value)
}

#[test]
fn at_every_byte_of_the_longest_request_on_a_ring() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let ring = Ring::of(directory.path());
    let (request, value) = longest_write("/ring");
    for (at, byte) in request.iter().enumerate() {
        ring.put(*byte);
        // Killed before it has seen the byte, and after.
        if at % 2 == 0 {
            ring.wait_until_taken();
        }
        store.kill_worker();
    }
    let expected = encoded(MsgType::Write, 7, 0, b"OK\0");
    let reply: Vec<u8> = expected.iter().map(|_| ring.take()).collect();
    assert_eq!(reply, expected);
    assert_eq!(ring.word(RSP_PROD), ring.word(RSP_CONS), "there is one reply");
    assert_eq!(store.client().ask(MsgType::Read, 0, "/ring|").into_bytes(), value);
}

#[test]
fn at_every_byte_of_the_longest_reply_on_a_ring() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let (ring, mut client) = (Ring::of(directory.path()), store.client());
    let value = "v".repeat(PAYLOAD_MAX - 16);
    assert_eq!(client.ask(MsgType::Write, 0, &format!("/r|{value}")), "OK|");
    encoded(MsgType::Read, 9, 0, b"/r\0").into_iter().for_each(|byte| ring.put(byte));
    let expected = encoded(MsgType::Read, 9, 0, value.as_bytes());
    let mut reply = Vec::new();
    for _ in &expected {
        reply.push(ring.take());
        // Somebody serves, and has seen that there is room for a byte.
        assert_eq!(client.ask(MsgType::Read, 0, "/tool|"), "");
        store.kill_worker();
    }
    assert!(reply == expected, "the reply is another one");
    assert_eq!(client.ask(MsgType::Read, 0, "/local/domain/0/name|"), "Domain-0");
    assert_eq!(ring.word(RSP_PROD), ring.word(RSP_CONS), "there is one reply");
}

#[test]
fn at_every_byte_of_the_longest_request_on_a_socket() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let (mut slow, mut other) = (store.client(), store.client());
    let (request, value) = longest_write("/socket");
    for (at, byte) in request.iter().enumerate() {
        slow.socket.write_all(&[*byte]).unwrap();
        // Once another one is answered, the byte is not in the socket any more.
        if at % 2 == 0 {
            other.ask(MsgType::Read, 0, "/tool|");
        }
        store.kill_worker();
    }
    slow.asked = 7;
    assert_eq!(slow.reply(), "OK|");
    assert_eq!(slow.ask(MsgType::Read, 0, "/socket|").into_bytes(), value);
}

#[test]
fn at_every_byte_of_the_longest_reply_on_a_socket() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let (mut client, mut other) = (store.client(), store.client());
    let value = "v".repeat(PAYLOAD_MAX - 16);
    assert_eq!(client.ask(MsgType::Write, 0, &format!("/r|{value}")), "OK|");
    // More than the socket takes, so that the store holds replies while the first is read.
    let requests: Vec<u8> = (0..100).flat_map(|number| encoded(MsgType::Read, number, 0, b"/r\0")).collect();
    client.socket.write_all(&requests).unwrap();
    let expected: Vec<u8> = (0..100).flat_map(|number| encoded(MsgType::Read, number, 0, value.as_bytes())).collect();
    let mut replies = vec![0; expected.len()];
    for at in 0..HEADER_LEN + value.len() {
        client.socket.read_exact(&mut replies[at..=at]).unwrap();
        // Somebody serves.
        other.ask(MsgType::Read, 0, "/tool|");
        store.kill_worker();
    }
    client.socket.read_exact(&mut replies[HEADER_LEN + value.len()..]).unwrap();
    assert!(replies == expected, "the replies are others");
    assert_eq!(client.ask(MsgType::Read, 0, "/tool|"), "", "there are no more");
}

#[test]
fn replies_that_no_socket_takes_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::start(directory.path());
    let mut client = store.client();
    let value = "x".repeat(4000);
    assert_eq!(client.ask(MsgType::Write, 0, &format!("/big|{value}")), "OK|");
    let requests: Vec<u8> = (0..600).flat_map(|number| encoded(MsgType::Read, number, 0, b"/big\0")).collect();
    let mut sender = client.socket.try_clone().unwrap();
    let sending = thread::spawn(move || sender.write_all(&requests).unwrap());
    let (mut received, mut step) = (0usize, 1);
    let mut next = 0;
    while next < 600 {
        step = (step * 7919) % 40_009;
        let mut bytes = vec![0; step];
        let count = client.socket.read(&mut bytes).unwrap();
        assert_ne!(count, 0, "the store closed the connection");
        client.parser.push(&bytes[..count]);
        received += count;
        while let Some(message) = client.parser.next_message().unwrap() {
            assert!(message.req_id == next && message.payload == value.as_bytes(), "reply {next} after {received} bytes");
            next += 1;
        }
        store.kill_worker();
    }
    sending.join().unwrap();
}

/// Clients work as if nothing happened, while something makes the worker another one again and again.
fn under_load(directory: &Path, happens: impl Fn(&Store) + Sync, rounds: u64) {
    let store = Store::start(directory);
    let (stop, happened) = (AtomicBool::new(false), &happens);
    let mut watcher = store.client();
    assert_eq!(watcher.ask(MsgType::Watch, 0, "/count|seen|"), "OK|");
    assert_eq!(String::from_utf8(watcher.next().payload).unwrap(), "/count\0seen\0");
    let mut holder = store.client();
    let held: u32 = holder.ask(MsgType::TransactionStart, 0, "|").trim_end_matches('|').parse().unwrap();
    assert_eq!(holder.ask(MsgType::Write, held, "/held|1"), "OK|");
    let written = thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let (mut client, mut number) = (store.client(), 0u32);
            while !stop.load(Ordering::Relaxed) {
                number += 1;
                assert_eq!(client.ask(MsgType::Write, 0, &format!("/count|{number}")), "OK|");
                assert_eq!(client.ask(MsgType::Read, 0, "/count|"), number.to_string());
            }
            number
        });
        let counting = scope.spawn(|| {
            let (mut client, mut number) = (store.client(), 0u32);
            assert_eq!(client.ask(MsgType::Write, 0, "/sum|0"), "OK|");
            while !stop.load(Ordering::Relaxed) {
                let tx: u32 = client.ask(MsgType::TransactionStart, 0, "|").trim_end_matches('|').parse().unwrap();
                let before: u32 = client.ask(MsgType::Read, tx, "/sum|").parse().unwrap();
                assert_eq!(before, number, "a commit that was told is lost, or one was made twice");
                assert_eq!(client.ask(MsgType::Write, tx, &format!("/sum|{}", before + 1)), "OK|");
                if client.ask(MsgType::TransactionEnd, tx, "T|") == "OK|" {
                    number += 1;
                }
            }
            number
        });
        for round in 0..rounds {
            sleep(Duration::from_micros(1 + round * 7919 % 20_011));
            happened(&store);
        }
        stop.store(true, Ordering::Relaxed);
        let sums = counting.join().unwrap();
        assert_eq!(store.client().ask(MsgType::Read, 0, "/sum|"), sums.to_string());
        writing.join().unwrap()
    });
    // One event for each write, or one for several that were not read: never more, and the last one is there.
    let (mut events, mut quiet) = (0, false);
    watcher.socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    while !quiet {
        let mut bytes = [0; 65536];
        match watcher.socket.read(&mut bytes) {
            Ok(count) => watcher.parser.push(&bytes[..count]),
            Err(_) => quiet = true,
        }
        while let Some(event) = watcher.parser.next_message().unwrap() {
            assert_eq!(event.payload, b"/count\0seen\0");
            events += 1;
        }
    }
    assert!(events > 0 && events <= written, "{events} events of {written} writes");
    assert_eq!(holder.ask(MsgType::Read, held, "/held|"), "1");
    assert_eq!(holder.ask(MsgType::TransactionEnd, held, "T|"), "OK|");
    assert_eq!(holder.ask(MsgType::Read, 0, "/held|"), "1");
    println!("{rounds} rounds, {written} writes, {events} events");
}

#[test]
fn clients_notice_nothing_of_workers_that_are_killed() {
    let directory = tempfile::tempdir().unwrap();
    under_load(directory.path(), Store::kill_worker, 300);
}

#[test]
fn clients_notice_nothing_of_live_updates() {
    let directory = tempfile::tempdir().unwrap();
    let update = |store: &Store| {
        let before = store.worker();
        kill_process(store.pid(), Signal::HUP).unwrap();
        within("no other worker serves", || (store.worker().is_some() && store.worker() != before).then_some(()));
    };
    under_load(directory.path(), update, 50);
}

#[test]
fn a_keeper_that_is_killed_costs_connections_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::start(directory.path());
    let ring = Ring::of(directory.path());
    let request = encoded(MsgType::Read, 3, 0, b"/a\0");
    for round in 0..20 {
        let mut client = store.client();
        assert_eq!(client.ask(MsgType::Write, 0, &format!("/a|{round:04}")), "OK|");
        let open = client.ask(MsgType::TransactionStart, 0, "|");
        assert!(open.ends_with('|'), "{open}");
        // Half a request is in the store, the rest comes when it is gone.
        request[..9].iter().for_each(|byte| ring.put(*byte));
        ring.wait_until_taken();
        kill_process(store.pid(), Signal::KILL).unwrap();
        store.keeper.wait().unwrap();
        request[9..].iter().for_each(|byte| ring.put(*byte));
        assert_eq!(client.socket.read(&mut [0]).unwrap_or(0), 0, "its connection is gone");
        store = Store::go_on(directory.path());
        let expected = encoded(MsgType::Read, 3, 0, format!("{round:04}").as_bytes());
        let reply: Vec<u8> = expected.iter().map(|_| ring.take()).collect();
        assert_eq!(reply, expected, "round {round}");
    }
}

#[test]
fn a_successor_that_does_not_come_up_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("xenith");
    fs::copy(XENITH, &program).unwrap();
    fs::write(directory.path().join("ring.0"), [0; 4096]).unwrap();
    let store = Store::of_program(&program, directory.path());
    let mut client = store.client();
    assert_eq!(client.ask(MsgType::Write, 0, "/a|1"), "OK|");
    let worker = store.worker();
    // A package that went wrong.
    fs::remove_file(&program).unwrap();
    fs::copy("/bin/false", &program).unwrap();
    kill_process(store.pid(), Signal::HUP).unwrap();
    for round in 0..100 {
        assert_eq!(client.ask(MsgType::Write, 0, &format!("/a|{round}")), "OK|");
        sleep(Duration::from_millis(2));
    }
    assert_eq!(store.worker(), worker);
    // And one that is mended.
    fs::remove_file(&program).unwrap();
    fs::copy(XENITH, &program).unwrap();
    assert_eq!(client.ask(MsgType::Control, 0, &format!("live-update|-f|{}|", program.display())), "OK|");
    assert_eq!(client.ask(MsgType::Control, 0, "live-update|-s|"), "OK|");
    assert_eq!(client.ask(MsgType::Read, 0, "/a|"), "99");
    within("the old worker does not end", || (store.worker() != worker).then_some(()));
}
