//! What a node costs: bytes of heap that the store holds for 500,000 of them, and bytes that the state image takes.
//!
//! ```text
//!   wide      100 directories with 5,000 nodes each
//!   domains   10,000 domains, each with what the tools make for a guest: the same names and lists everywhere, paths as values
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

const NODES: usize = 500_000;

/// Memory of an image that nobody takes up: only how much of it is taken counts. The last byte of the header is kept for the slots' sizes.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<Vec<u8>>>, Arc<AtomicUsize>);

const IMAGE: usize = 256 << 20;

impl Memory for Counted {
    fn len(&self) -> usize {
        IMAGE
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        into.copy_from_slice(self.0.lock().unwrap().get(at..at + into.len()).unwrap());
    }

    fn write(&mut self, at: usize, from: &[u8]) {
        self.0.lock().unwrap().get_mut(at..at + from.len()).unwrap().copy_from_slice(from);
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
        for node in 0..NODES / 100 {
            tools.write(&format!("/wide/{directory}/{node:04}"), "value");
        }
    }
}

/// Fifty nodes for each domain.
fn domains(tools: &mut Tools) {
    for domid in (1..=NODES / 50).map(|domid| DomId(u16::try_from(domid).unwrap())) {
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

fn measure(shape: &str, fill: fn(&mut Tools)) {
    let _turn = TURN.lock();
    let before = HEAP.allocated();
    let mut tools = Tools::new();
    fill(&mut tools);
    let nodes = tools.server.tree().all().count();
    let heap = (HEAP.allocated() - before) as f64 / nodes as f64;
    let memory = Counted(Arc::new(Mutex::new(vec![0; IMAGE])), Arc::default());
    let taken = Arc::clone(&memory.1);
    tools.server.keep(Image::format(Box::new(memory), [7; 16]).unwrap());
    let image = taken.load(Ordering::Relaxed) as f64 / nodes as f64;
    eprintln!("{shape}: {nodes} nodes, {heap:.1} bytes of heap and {image:.1} of the image for each");
    let rss: usize = std::fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    eprintln!("  rss {} per node", rss * 4096 / nodes);
}

#[test]
fn wide_directories() {
    measure("wide", wide);
}

#[test]
fn many_domains() {
    measure("domains", domains);
}
