//! A guest's conversation with the store.
//!
//! ```text
//!   RESET_WATCHES, READ domid, READ name, WRITE features, WRITE hello, WATCH target, cpu, shutdown  ->  Ready
//!   WATCH_EVENT shutdown -> READ it -> not empty: WRITE "" -> Shutdown(word)
//!   WATCH_EVENT memory/target -> READ it -> Target(KiB)
//!   WATCH_EVENT cpu/1/availability -> READ it -> Vcpu(1, online)
//! ```
//!
//! One request is under way at a time.

use std::collections::VecDeque;

use xen_abi::{DomId, Port};

use super::Ring;
use super::script::Script;
use super::wire::{Message, Wire};

// Message types of public/io/xs_wire.h.
const READ: u32 = 2;
const WATCH: u32 = 4;
const WRITE: u32 = 11;
const WATCH_EVENT: u32 = 15;
const ERROR: u32 = 16;
const RESET_WATCHES: u32 = 21;
/// Where a request to shut down appears, relative to the domain's home.
const SHUTDOWN: &str = "control/shutdown";
/// Where the balloon's target stands.
const TARGET: &str = "memory/target";
/// Where the vcpus stand, each with its availability.
const CPU: &str = "cpu";
/// The token of the watches.
const TOKEN: &str = "sim";

/// A request: what to say and why.
#[derive(Clone, Debug)]
struct Request {
    kind: u32,
    payload: Vec<u8>,
    /// How the transcript names it.
    what: String,
}

/// What the store told that matters outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StoreEvent {
    /// The handshake is through.
    Ready,
    /// Somebody wrote this word into the shutdown node, and it was acknowledged.
    Shutdown(String),
    /// The balloon's target, in KiB.
    Target(u64),
    /// A vcpu of this number shall be online, or not.
    Vcpu(usize, bool),
}

/// The conversation.
pub(super) struct Store {
    wire: Wire,
    planned: VecDeque<Request>,
    under_way: Option<(u32, Request)>,
    answers: Vec<String>,
    ready: bool,
    /// A word that is being acknowledged.
    acknowledging: Option<String>,
    hostile: bool,
}

fn request(kind: u32, name: &str, path: &str, value: &str) -> Request {
    let mut payload = path.as_bytes().to_vec();
    if kind != RESET_WATCHES {
        payload.push(0);
    }
    payload.extend(value.bytes());
    let what = if path.is_empty() { name.to_owned() } else { format!("{name} {path}") };
    Request { kind, payload, what }
}

impl Store {
    pub(super) fn new(ring: Ring, domid: DomId, script: Script) -> Store {
        let mut planned = VecDeque::from([
            request(RESET_WATCHES, "RESET_WATCHES", "", "\0"),
            request(READ, "READ", "domid", ""),
            request(READ, "READ", "name", ""),
            request(WRITE, "WRITE", "control/feature-poweroff", "1"),
            request(WRITE, "WRITE", "control/feature-reboot", "1"),
            request(WRITE, "WRITE", "data/hello", &format!("hello from {domid}")),
        ]);
        let watched: &[&str] = match script {
            Script::Deaf => &[],
            Script::WellBehaved => &[TARGET, CPU, SHUTDOWN],
            _ => &[SHUTDOWN],
        };
        planned.extend(watched.iter().map(|path| request(WATCH, "WATCH", path, &format!("{TOKEN}\0"))));
        Store {
            wire: Wire::new(ring),
            planned,
            under_way: None,
            answers: Vec::new(),
            ready: false,
            acknowledging: None,
            hostile: script == Script::HostileStore,
        }
    }

    pub(super) fn answers(&self) -> &[String] {
        &self.answers
    }

    /// The port to notify, once after something moved.
    pub(super) fn take_notice(&mut self) -> Option<Port> {
        self.wire.take_notice()
    }

    /// Moves what can move, and says what came of it.
    pub(super) fn turn(&mut self) -> Vec<StoreEvent> {
        if !self.wire.is_connected() {
            return Vec::new();
        }
        if self.hostile {
            self.wire.break_indices();
            return Vec::new();
        }
        let mut events = Vec::new();
        loop {
            self.begin();
            self.wire.pump();
            let Some(message) = self.wire.next() else { return events };
            events.extend(self.handle(message));
            events.extend(self.become_ready());
        }
    }

    fn begin(&mut self) {
        if self.under_way.is_none()
            && let Some(request) = self.planned.pop_front()
        {
            self.under_way = Some((self.wire.send(request.kind, &request.payload), request));
        }
    }

    fn handle(&mut self, (kind, id, payload): Message) -> Option<StoreEvent> {
        if kind == WATCH_EVENT {
            let path = payload.split(|byte| *byte == 0).next().unwrap_or_default();
            let path = String::from_utf8_lossy(path);
            // The directory itself is told of at first, when every vcpu is online, and when it goes.
            if path != CPU {
                self.planned.push_back(request(READ, "READ", &path, ""));
            }
            return None;
        }
        let (expected, request) = self.under_way.take()?;
        if expected != id {
            self.answers.push(format!("{}: the answer is to request {id}, not {expected}", request.what));
            return None;
        }
        let text = String::from_utf8_lossy(&payload).trim_end_matches('\0').to_owned();
        let verdict = if kind == ERROR { "error " } else { "" };
        self.answers.push(format!("{} = {verdict}{text}", request.what));
        if request.kind == READ && request.payload.starts_with(SHUTDOWN.as_bytes()) {
            self.acknowledge(kind, text);
            return None;
        }
        if request.kind == READ {
            return if kind == ERROR { None } else { size_of(&request, &text) };
        }
        self.acknowledging.take().map(StoreEvent::Shutdown)
    }

    /// A word in the shutdown node is taken out before it is obeyed.
    fn acknowledge(&mut self, kind: u32, word: String) {
        if kind != ERROR && !word.is_empty() {
            self.planned.push_front(request(WRITE, "WRITE", SHUTDOWN, ""));
            self.acknowledging = Some(word);
        }
    }

    fn become_ready(&mut self) -> Option<StoreEvent> {
        if self.ready || self.under_way.is_some() || !self.planned.is_empty() {
            return None;
        }
        self.ready = true;
        Some(StoreEvent::Ready)
    }
}

/// What a node that was read says of the guest's size.
fn size_of(request: &Request, value: &str) -> Option<StoreEvent> {
    let path = request.what.strip_prefix("READ ")?;
    if path == TARGET {
        return value.parse().ok().map(StoreEvent::Target);
    }
    let number = path.strip_prefix(CPU)?.strip_prefix('/')?.strip_suffix("/availability")?;
    Some(StoreEvent::Vcpu(number.parse().ok()?, value == "online"))
}
