//! What a node costs: bytes of heap that the store holds for each, and bytes that the state image takes. And what a change costs that a
//! snapshot watches.
//!
//! ```text
//!   wide      100 directories with 5,000 nodes each
//!   domains   2,000 domains, each with what the tools make for a guest: the same names and lists everywhere, paths as values
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::alloc::System;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cap::Cap;
use xen_abi::DomId;
use xen_store::image::{Image, Memory};
use xen_store::path;
use xen_store::quota::Quota;
use xen_store::server::{ConnId, ConnKind, Server};
use xen_store::wire::{self, MsgType};

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// One measurement at a time: they count the whole process.
static TURN: Mutex<()> = Mutex::new(());

/// Memory of an image, and how much of it is taken.
struct Counted(Vec<u8>, Arc<AtomicUsize>);

const IMAGE: usize = 256 << 20;

impl Memory for Counted {
    fn len(&self) -> usize {
        IMAGE
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        into.copy_from_slice(self.0.get(at..at + into.len()).unwrap());
    }

    fn write(&mut self, at: usize, from: &[u8]) {
        self.0.get_mut(at..at + from.len()).unwrap().copy_from_slice(from);
    }

    fn publish(&mut self, at: usize, value: u32) {
        self.write(at, &value.to_le_bytes());
    }

    fn reserve(&mut self, _: usize, len: usize) -> bool {
        self.1.fetch_add(len, Ordering::Relaxed);
        true
    }
}

struct Tools {
    server: Server,
    conn: ConnId,
}

impl Tools {
    fn new() -> Tools {
        let mut server = Server::new(Quota::default());
        let conn = server.connect(ConnKind::Socket);
        Tools { server, conn }
    }

    fn ask(&mut self, kind: MsgType, payload: &[u8]) {
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 1, 0, payload, &mut bytes).unwrap();
        self.server.input(self.conn, &bytes);
        while self.server.step() {}
        let mut reply = Vec::new();
        self.server.output(self.conn, 4096, &mut reply);
        self.server.sent(self.conn, reply.len());
        assert_eq!(reply.get(..4), Some(kind.number().to_le_bytes().as_slice()), "{}", String::from_utf8_lossy(payload));
        self.server.take_dirty();
        self.server.commit();
    }

    fn write(&mut self, path: &str, value: &str) {
        self.ask(MsgType::Write, format!("{path}\0{value}").as_bytes());
    }
}

fn wide(tools: &mut Tools) {
    for directory in 0..100 {
        for node in 0..5_000 {
            tools.write(&format!("/wide/{directory}/{node:04}"), "value");
        }
    }
}

fn domains(tools: &mut Tools) {
    for domid in (1..=2_000).map(DomId) {
        tools.server.connect_ring(domid);
        let paths = path::domain(domid);
        let home = paths.root().to_string();
        let n = domid.0;
        for (name, value) in
            [("name", format!("guest-{n}")), ("domid", n.to_string()), ("vm", format!("/vm/5b3c6f0a-0000-0000-0000-{n:012}"))]
        {
            tools.write(&format!("{home}/{name}"), &value);
        }
        for name in ["cpu/0/availability", "memory/static-max", "memory/target", "memory/videoram", "store/port", "store/ring-ref"] {
            tools.write(&format!("{home}/{name}"), "1048576");
        }
        for name in ["control/shutdown", "control/platform-feature-multiprocessor-suspend", "control/feature-poweroff", "data", "drivers"] {
            tools.write(&format!("{home}/{name}"), "1");
            tools.ask(MsgType::SetPerms, format!("{home}/{name}\0n{n}\0").as_bytes());
        }
        for device in ["vbd/51712", "vif/0"] {
            let (front, back) = (format!("{home}/device/{device}"), format!("{}/{n}", device.replace('/', &format!("/{n}/"))));
            let back = format!("{}/backend/{back}", path::domain(DomId::DOM0).root());
            for (name, value) in
                [("backend", back.as_str()), ("backend-id", "0"), ("state", "4"), ("event-channel", "15"), ("ring-ref", "8")]
            {
                tools.write(&format!("{front}/{name}"), value);
                tools.ask(MsgType::SetPerms, format!("{front}/{name}\0n{n}\0r0\0").as_bytes());
            }
            for (name, value) in [("frontend", front.as_str()), ("frontend-id", "7"), ("online", "1"), ("state", "4"), ("mode", "w")] {
                tools.write(&format!("{back}/{name}"), value);
                tools.ask(MsgType::SetPerms, format!("{back}/{name}\0n0\0r{n}\0").as_bytes());
            }
        }
    }
}

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    4096 * pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap()
}

/// Bytes for each node must stay below `limit`, those of the image included.
fn measure(shape: &str, fill: fn(&mut Tools), limit: usize) {
    let _turn = TURN.lock();
    let (before, resident_before) = (HEAP.allocated(), resident());
    let mut tools = Tools::new();
    fill(&mut tools);
    let nodes = tools.server.tree().all().count();
    let heap = (HEAP.allocated() - before) / nodes;
    let taken = Arc::new(AtomicUsize::new(0));
    let memory = Counted(vec![0; IMAGE], Arc::clone(&taken));
    tools.server.keep(Image::format(Box::new(memory), [7; 16]).unwrap());
    let image = taken.load(Ordering::Relaxed) / nodes;
    let resident = resident().saturating_sub(resident_before) / nodes;
    let figures = format!("{shape}: {nodes} nodes, {heap} bytes of heap each, {image} of the image, {resident} resident");
    eprintln!("{figures}");
    assert!(heap + image <= limit, "{figures}, limit {limit}");
}

#[test]
fn half_a_million_nodes() {
    measure("wide", wide, 130);
}

#[test]
fn what_the_tools_make_for_domains() {
    measure("domains", domains, 200);
}

/// A write below 100,000 siblings copies the list of chunks, one chunk and the nodes on the way: nothing for each sibling.
#[test]
fn a_snapshot_costs_a_writer_little() {
    let _turn = TURN.lock();
    let mut tools = Tools::new();
    for node in 0..100_000 {
        tools.write(&format!("/wide/{node:05}"), "value");
    }
    let before = HEAP.allocated();
    let snapshot = tools.server.tree().clone();
    assert_eq!(HEAP.allocated(), before);
    tools.write("/wide/50000", "other");
    let copied = HEAP.allocated() - before;
    assert!(copied < 64 * 1024, "{copied} bytes");
    tools.write("/wide/50001", "other");
    let second = HEAP.allocated() - before - copied;
    assert!(second < 1024, "{second} bytes");
    assert!(!snapshot.is_same(tools.server.tree()));
}
