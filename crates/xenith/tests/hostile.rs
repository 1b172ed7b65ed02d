//! A client of the shipped binary while a guest keeps its ring full: how long a read takes, against a quiet store. A figure, not a gate: it is
//! wall-clock time. `cargo test --release -p xenith --test hostile -- --ignored --nocapture`

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use xen_store::wire::{self, MsgType};

const REQ_CONS: u64 = 2048;
const REQ_PROD: u64 = 2052;
const RSP_CONS: u64 = 2056;
const RSP_PROD: u64 = 2060;
const READS: usize = 20_000;

struct Store(Child);

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(directory: &Path) -> (Store, UnixStream) {
    let store = Store(Command::new(env!("CARGO_BIN_EXE_xenith")).args(["store", "--standalone"]).arg(directory).spawn().unwrap());
    for _ in 0..200 {
        if let Ok(socket) = UnixStream::connect(directory.join("socket")) {
            return (store, socket);
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("the store does not come up");
}

fn request(kind: MsgType, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::encode(kind.number(), 1, 0, payload, &mut bytes).unwrap();
    bytes
}

fn ask(socket: &mut UnixStream, request: &[u8]) -> Vec<u8> {
    socket.write_all(request).unwrap();
    let mut header = [0; 16];
    socket.read_exact(&mut header).unwrap();
    let mut payload = vec![0; u32::from_le_bytes(header[12..].try_into().unwrap()) as usize];
    socket.read_exact(&mut payload).unwrap();
    payload
}

/// The median of many reads, after a few that do not count.
fn median(socket: &mut UnixStream) -> Duration {
    let read = request(MsgType::Read, b"/a\0");
    let mut times: Vec<Duration> = (0..READS)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(ask(socket, &read), b"value");
            start.elapsed()
        })
        .skip(READS / 10)
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn word(page: &File, at: u64) -> u32 {
    let mut bytes = [0; 4];
    page.read_exact_at(&mut bytes, at).unwrap();
    u32::from_le_bytes(bytes)
}

fn set_word(page: &File, at: u64, value: u32) {
    page.write_all_at(&value.to_le_bytes(), at).unwrap();
}

/// Keeps the ring full of requests, whole or not, and takes every reply at once. Counts bytes of requests that were taken.
fn flood(directory: &Path, requests: &[u8], stop: &AtomicBool, taken: &AtomicU64) {
    let page = OpenOptions::new().read(true).write(true).open(directory.join("ring.5")).unwrap();
    let events = UnixDatagram::unbound().unwrap();
    let stream = requests.repeat(2 + 1024 / requests.len());
    let mut sent = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        set_word(&page, RSP_CONS, word(&page, RSP_PROD));
        let room = 1024 - (sent as u32).wrapping_sub(word(&page, REQ_CONS)) as usize;
        let from = sent as usize % requests.len();
        let (head, tail) = stream[from..from + room].split_at(room.min(1024 - sent as usize % 1024));
        page.write_all_at(head, sent % 1024).unwrap();
        page.write_all_at(tail, 0).unwrap();
        sent += room as u64;
        set_word(&page, REQ_PROD, sent as u32);
        taken.store(sent - 1024, Ordering::Relaxed);
        let _ = events.send_to(&1005_u32.to_le_bytes(), directory.join("evtchn"));
    }
}

#[test]
#[ignore = "a figure of wall-clock time"]
fn a_read_while_a_guest_keeps_its_ring_full() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("ring.5"), [0; 4096]).unwrap();
    let (_store, mut socket) = start(directory.path());
    assert_eq!(ask(&mut socket, &request(MsgType::Write, b"/a\0value")), b"OK\0");
    assert_eq!(ask(&mut socket, &request(MsgType::SetPerms, b"/a\0r0\0")), b"OK\0");
    assert_eq!(ask(&mut socket, &request(MsgType::Introduce, b"5\x000\x007\0")), b"OK\0");
    let home = b"/local/domain/5\0";
    assert_eq!(ask(&mut socket, &request(MsgType::Mkdir, home)), b"OK\0");
    assert_eq!(ask(&mut socket, &request(MsgType::SetPerms, &[home.as_slice(), b"n5\0"].concat())), b"OK\0");
    let deep = ["d"; 900].join("/");
    let shapes = [
        ("reads", vec![request(MsgType::Read, b"/a\0")]),
        ("writes", vec![request(MsgType::Write, b"w\0value")]),
        (
            "branches of 900 nodes made and removed",
            vec![request(MsgType::Mkdir, format!("{deep}\0").as_bytes()), request(MsgType::Rm, b"d\0")],
        ),
        ("transactions", vec![request(MsgType::TransactionStart, b"\0"), request(MsgType::ResetWatches, b"\0")]),
    ];
    for (shape, requests) in shapes {
        beside(directory.path(), &mut socket, shape, &requests.concat(), requests.len());
    }
}

fn beside(directory: &Path, socket: &mut UnixStream, shape: &str, requests: &[u8], count: usize) {
    let quiet = median(socket);
    let (stop, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let guest = {
        let (directory, requests, stop, taken) = (directory.to_owned(), requests.to_vec(), Arc::clone(&stop), Arc::clone(&taken));
        thread::spawn(move || flood(&directory, &requests, &stop, &taken))
    };
    let start = Instant::now();
    let busy = median(socket);
    let rate = taken.load(Ordering::Relaxed) as f64 / requests.len() as f64 * count as f64 / start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    guest.join().unwrap();
    // What is left of it is not the next one's.
    assert_eq!(ask(socket, &request(MsgType::Introduce, b"5\x000\x007\0")), b"OK\0");
    let ratio = busy.as_secs_f64() / quiet.as_secs_f64();
    println!("{shape}: {rate:.0} requests a second; a read beside them {busy:?}, quiet {quiet:?}, ratio {ratio:.2}");
    assert!(rate > 100.0, "the guest did nothing");
}
