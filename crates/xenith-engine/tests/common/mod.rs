//! A simulated host with a store, and an engine on it.

#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use uuid::Uuid;
use xen_abi::{DomId, Release};
use xen_hv::Xen;
use xen_sim::{Audit, Machine, MachineConfig};
use xen_store::client::{Client, Loopback, Requests};
use xen_store::path::StorePath;
use xen_store::quota::Quota;
use xen_store::server::{ConnKind, Server};
use xenith_api::latest::DomainConfig;
use xenith_engine::Engine;
use xenith_engine::clock::Clock;
use xenith_engine::engine::{CreateOrder, EngineConfig};
use xenith_engine::run::Hook;
use xenith_engine::store::Stores;

pub const RELEASES: [Release; 4] = [Release::V4_14, Release::V4_17, Release::V4_20, Release::V4_22];

/// The process that the engine is, for faults.
pub const CONTROL: &str = "control";

pub struct Host {
    pub machine: Machine,
    pub store: Arc<Mutex<Server>>,
    dir: tempfile::TempDir,
    ids: AtomicU64,
}

/// Everything that a leftover would show in.
#[derive(Debug, PartialEq)]
pub struct Everything {
    xen: Audit,
    nodes: Vec<String>,
    files: Vec<PathBuf>,
}

struct SimClock(Machine);

impl Clock for SimClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.now_ns())
    }

    fn since_epoch(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + self.now()
    }

    fn sleep(&self, duration: Duration) {
        self.0.advance_ns(duration.as_nanos() as u64);
    }
}

impl Host {
    pub fn new(release: Release, config: MachineConfig) -> Host {
        let store = Arc::new(Mutex::new(Server::new(Quota::default())));
        let host = Host { machine: Machine::new(release, config), store, dir: tempfile::tempdir().unwrap(), ids: AtomicU64::new(1) };
        std::fs::write(host.kernel(), kernel()).unwrap();
        // The directories that every domain's nodes stand in: control makes them at its start.
        let mut client = Client::new(Loopback::join(host.store.clone(), ConnKind::Socket));
        for home in ["/vm", "/libxl", "/local/domain/0/backend/console"] {
            client.mkdir(&StorePath::parse(home).unwrap()).unwrap();
        }
        host
    }

    pub fn kernel(&self) -> PathBuf {
        self.dir.path().join("kernel")
    }

    /// A process of the engine: the former one's mappings went with it.
    pub fn engine(&self, hook: Arc<dyn Hook>) -> Engine {
        let handle = self.machine.process(DomId::DOM0, CONTROL).unwrap();
        let store = self.store.clone();
        Engine::open(EngineConfig {
            xen: Xen::new(Arc::new(handle.clone()), self.machine.release()),
            memory: Arc::new(handle),
            stores: Stores::new(Arc::new(move || Ok(Box::new(Loopback::join(store.clone(), ConnKind::Socket))))),
            clock: Arc::new(SimClock(self.machine.clone())),
            hook,
            run_dir: self.dir.path().join("run"),
            cache: None,
        })
        .unwrap()
    }

    pub fn fresh(&self) -> Uuid {
        Uuid::from_u128(self.ids.fetch_add(1, Ordering::Relaxed).into())
    }

    pub fn order(&self, vcpus: u32, memory: &str, paused: bool) -> CreateOrder {
        let kernel = self.kernel();
        let config: DomainConfig = serde_json::from_value(serde_json::json!({
            "name": "web", "vcpus": vcpus, "memory": memory, "boot": { "kernel": kernel, "cmdline": "sim.script=halt" },
        }))
        .unwrap();
        CreateOrder { config, uuid: Uuid::from_u128(0xfeed), operation: self.fresh(), paused, quick_restarts: 0 }
    }

    pub fn everything(&self) -> Everything {
        let mut client = Client::new(Loopback::join(self.store.clone(), ConnKind::Socket));
        let mut nodes = Vec::new();
        dump(&mut client, StorePath::root(), &mut nodes);
        let mut files = Vec::new();
        for dir in ["run/journal", "run/domains"] {
            let entries = std::fs::read_dir(self.dir.path().join(dir)).into_iter().flatten();
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
        Everything { xen: self.machine.audit(), nodes, files }
    }

    pub fn domids(&self) -> Vec<DomId> {
        self.machine.audit().domains.into_keys().filter(|domid| *domid != DomId::DOM0).collect()
    }
}

fn dump(client: &mut Client<Loopback>, path: StorePath, into: &mut Vec<String>) {
    let value = String::from_utf8_lossy(&client.read(&path).unwrap()).into_owned();
    let perms: Vec<String> = client.get_perms(&path).unwrap().iter().map(ToString::to_string).collect();
    into.push(format!("{path} = {value} {}", perms.join(",")));
    for child in client.directory(&path).unwrap() {
        dump(client, path.child(child), into);
    }
}

/// The smallest kernel: one segment of two bytes at 1 MiB, and a PVH entry note.
pub fn kernel() -> Vec<u8> {
    const CODE: &[u8] = &[0xf4, 0xeb];
    let (code_at, note_at) = (0x200_u64, 0x100_u64);
    let mut note = Vec::new();
    for word in [4_u32, 4, 18] {
        note.extend(word.to_le_bytes());
    }
    note.extend(b"Xen\0");
    note.extend(0x10_0000_u32.to_le_bytes());
    let mut image = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    image.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    for word in [0x10_0000_u64, 64, 0] {
        image.extend(word.to_le_bytes());
    }
    image.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    for (kind, offset, paddr, bytes) in [(1_u32, code_at, 0x10_0000_u64, CODE.len() as u64), (4, note_at, 0, note.len() as u64)] {
        image.extend(kind.to_le_bytes());
        image.extend(5_u32.to_le_bytes());
        for word in [offset, paddr, paddr, bytes, bytes, 4] {
            image.extend(word.to_le_bytes());
        }
    }
    image.resize(note_at as usize, 0);
    image.extend(note);
    image.resize(code_at as usize, 0);
    image.extend(CODE);
    image
}
