//! A simulated host with a store, and a control on it, spoken to over HTTP without a socket.

#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;
use xen_abi::hypercall::sched::ShutdownReason;
use xen_abi::{DomId, Release};
use xen_hv::Xen;
use xen_sim::{Audit, Machine, MachineConfig};
use xen_store::client::{Client, Loopback, Requests};
use xen_store::path::StorePath;
use xen_store::quota::Quota;
use xen_store::server::{ConnKind, Server};
use xenith_api::client::Unix;
use xenith_control::{Caller, Control, ControlConfig, ServeConfig, ServeLock, router, serve};
use xenith_engine::clock::Clock;
use xenith_engine::store::Connect;

pub struct Host {
    pub machine: Machine,
    pub store: Arc<Mutex<Server>>,
    pub dir: tempfile::TempDir,
    /// While it is false nobody reaches the store.
    pub store_up: Arc<std::sync::atomic::AtomicBool>,
    ids: Arc<AtomicU64>,
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
    pub fn new(release: Release) -> Host {
        Host::with(release, MachineConfig::default())
    }

    pub fn with(release: Release, config: MachineConfig) -> Host {
        let host = Host {
            machine: Machine::new(release, config),
            store: Arc::new(Mutex::new(Server::new(Quota::default()))),
            dir: tempfile::tempdir().unwrap(),
            store_up: Arc::new(true.into()),
            ids: Arc::new(AtomicU64::new(1)),
        };
        std::fs::write(host.kernel(), kernel()).unwrap();
        host
    }

    pub fn kernel(&self) -> PathBuf {
        self.dir.path().join("kernel")
    }

    pub fn config(&self) -> ControlConfig {
        let handle = self.machine.process(DomId::DOM0, "control").unwrap();
        let (store, up) = (self.store.clone(), self.store_up.clone());
        let connect: Arc<Connect> = Arc::new(move || {
            if !up.load(Ordering::Relaxed) {
                return Err(std::io::ErrorKind::ConnectionRefused.into());
            }
            Ok(Box::new(Loopback::join(store.clone(), ConnKind::Socket)))
        });
        let clock = Arc::new(SimClock(self.machine.clone()));
        let run_dir = self.dir.path().join("run");
        let ids = self.ids.clone();
        let fresh_ids = Arc::new(move || Uuid::from_u128(ids.fetch_add(1, Ordering::Relaxed).into()));
        ControlConfig { fresh_ids, ..ControlConfig::new(Arc::new(handle.clone()), Arc::new(handle), connect, clock, run_dir) }
    }

    pub fn start(&self) -> Arc<Control> {
        Arc::new(Control::start(self.config()).unwrap())
    }

    pub fn client(&self) -> Client<Loopback> {
        Client::new(Loopback::join(self.store.clone(), ConnKind::Socket))
    }

    pub fn xen(&self) -> Xen {
        Xen::new(Arc::new(self.machine.as_domain(DomId::DOM0).unwrap()), self.machine.release())
    }

    pub fn stop(&self, domid: DomId, reason: ShutdownReason) {
        self.xen().remote_shutdown(domid, reason).unwrap();
    }

    pub fn domids(&self) -> Vec<DomId> {
        self.machine.audit().domains.into_keys().filter(|domid| *domid != DomId::DOM0).collect()
    }

    pub fn create_request(&self, name: &str) -> Value {
        json!({ "config": { "name": name, "memory": "16MiB", "boot": { "kernel": self.kernel(), "cmdline": "sim.script=halt" } } })
    }

    /// What a leftover would show in, besides files.
    pub fn everything(&self) -> (Audit, Vec<String>) {
        let mut client = self.client();
        let mut nodes = Vec::new();
        dump(&mut client, StorePath::root(), &mut nodes);
        (self.machine.audit(), nodes)
    }
}

fn dump(client: &mut Client<Loopback>, path: StorePath, into: &mut Vec<String>) {
    let value = String::from_utf8_lossy(&client.read(&path).unwrap()).into_owned();
    into.push(format!("{path} = {value}"));
    for child in client.directory(&path).unwrap() {
        dump(client, path.child(child), into);
    }
}

/// A control on its real socket.
pub struct Served {
    pub socket: PathBuf,
    stop: Option<std::os::fd::OwnedFd>,
    server: Option<std::thread::JoinHandle<()>>,
}

impl Served {
    pub fn new(host: &Host, control: Arc<Control>) -> Served {
        let socket = host.dir.path().join("run/api.sock");
        let lock = ServeLock::take(&ServeConfig::new(socket.clone())).unwrap();
        let (read, write) = std::io::pipe().unwrap();
        let server = std::thread::spawn(move || serve(control, lock, read.into()).unwrap());
        // The path is there a moment before anybody listens on it.
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Served { socket, stop: Some(write.into()), server: Some(server) }
    }

    pub fn client(&self) -> xenith_api::client::Client<Unix> {
        xenith_api::client::Client::new(Unix::new(&self.socket, Duration::from_secs(10)))
    }

    pub fn stop(&mut self) {
        drop(self.stop.take());
        self.server.take().unwrap().join().unwrap();
    }
}

/// One request: status, content type, body.
pub async fn ask(control: &Arc<Control>, method: &str, path: &str, body: impl Into<Body>) -> (u16, String, Vec<u8>) {
    ask_as(Caller::root(), control, method, path, body).await
}

/// The same as somebody. Whatever is answered is what the API's document says.
pub async fn ask_as(caller: Caller, control: &Arc<Control>, method: &str, path: &str, body: impl Into<Body>) -> (u16, String, Vec<u8>) {
    let request = Request::builder().method(method).uri(path).extension(caller).body(body.into()).unwrap();
    send(control, request).await
}

/// A request as it is.
pub async fn send(control: &Arc<Control>, request: Request<Body>) -> (u16, String, Vec<u8>) {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let (method, path) = (method.as_str(), path.as_str());
    let response = router(control.clone()).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned()).unwrap_or_default();
    let body = to_bytes(response.into_body(), 4 << 20).await.unwrap().to_vec();
    let document: Value = serde_json::from_str(xenith_api::openapi::TEXT).unwrap();
    let faults = xenith_api::openapi::conform::answer(&document, method, path, status, &body);
    assert_eq!(faults, Vec::<String>::new(), "{method} {path}: {status} {}", String::from_utf8_lossy(&body));
    (status, kind, body)
}

/// One request with JSON both ways, where the status is as expected.
pub async fn json_of(control: &Arc<Control>, method: &str, path: &str, body: Option<Value>, expected: u16) -> Value {
    let body = body.map(|value| value.to_string()).unwrap_or_default();
    let (status, kind, bytes) = ask(control, method, path, body).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(status, expected, "{method} {path}: {text}");
    if expected == 204 {
        assert!(text.is_empty());
        return Value::Null;
    }
    assert_eq!(kind, if expected < 400 { "application/json" } else { "application/problem+json" }, "{method} {path}");
    let value: Value = serde_json::from_str(&text).unwrap();
    if expected >= 400 {
        let problem: xenith_api::latest::Problem = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(problem.status, expected);
        assert!(!problem.detail.is_empty() && !problem.detail.contains('\n') && !problem.advice.is_empty(), "{text}");
    }
    value
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
