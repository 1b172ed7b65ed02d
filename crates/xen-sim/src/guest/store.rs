//! The guest's end of its store ring: a small xenstore client.
//!
//! ```text
//!   RESET_WATCHES, READ domid, READ name, WRITE features, WRITE hello, WATCH shutdown  ->  Ready
//!   WATCH_EVENT shutdown -> READ it -> not empty: WRITE "" -> Shutdown(word)
//! ```
//!
//! One request is under way at a time; a message longer than the ring goes in pieces (public/io/xs_wire.h).

use std::collections::VecDeque;

use xen_abi::io::xenstore as abi;
use xen_abi::record::At;
use xen_abi::{DomId, Port};

use super::Ring;
use super::script::Script;

const fn fixed(member: &xen_abi::record::Member) -> usize {
    match member.at {
        At::Always(offset) => offset,
        At::Since(_) => 0,
    }
}
const REQUESTS: usize = fixed(&abi::REQUESTS);
const REPLIES: usize = fixed(&abi::REPLIES);
const REQ_CONS: usize = fixed(&abi::REQ_CONS);
const REQ_PROD: usize = fixed(&abi::REQ_PROD);
const RSP_CONS: usize = fixed(&abi::RSP_CONS);
const RSP_PROD: usize = fixed(&abi::RSP_PROD);
const CONNECTION: usize = fixed(&abi::CONNECTION);

// Message types of public/io/xs_wire.h.
const READ: u32 = 2;
const WATCH: u32 = 4;
const WRITE: u32 = 11;
const WATCH_EVENT: u32 = 15;
const ERROR: u32 = 16;
const RESET_WATCHES: u32 = 21;
/// Bytes of a message's header: type, request, transaction, length.
const HEADER: usize = 16;
/// Where a request to shut down appears, relative to the domain's home.
const SHUTDOWN: &str = "control/shutdown";
/// The token of the watch on it.
const TOKEN: &str = "sim-shutdown";
/// What a hostile guest adds to an index.
const ABSURD: u32 = 0x0001_0000;

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
}

/// The ring and the conversation.
pub(super) struct Store {
    ring: Ring,
    planned: VecDeque<Request>,
    under_way: Option<(u32, Request)>,
    next_id: u32,
    out: VecDeque<u8>,
    input: Vec<u8>,
    answers: Vec<String>,
    ready: bool,
    /// A word that is being acknowledged.
    acknowledging: Option<String>,
    notice: bool,
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
        if script != Script::Deaf {
            planned.push_back(request(WATCH, "WATCH", SHUTDOWN, &format!("{TOKEN}\0")));
        }
        Store {
            ring,
            planned,
            under_way: None,
            next_id: 1,
            out: VecDeque::new(),
            input: Vec::new(),
            answers: Vec::new(),
            ready: false,
            acknowledging: None,
            notice: false,
            hostile: script == Script::HostileStore,
        }
    }

    pub(super) fn answers(&self) -> &[String] {
        &self.answers
    }

    /// The port to notify, once after something moved.
    pub(super) fn take_notice(&mut self) -> Option<Port> {
        std::mem::take(&mut self.notice).then_some(self.ring.port)
    }

    /// Moves what can move, and says what came of it.
    pub(super) fn turn(&mut self) -> Vec<StoreEvent> {
        let page = &self.ring.page;
        if page.load_u32(CONNECTION) != abi::CONNECTED {
            return Vec::new();
        }
        if self.hostile {
            page.store_u32(REQ_PROD, page.load_u32(REQ_CONS).wrapping_add(ABSURD));
            self.notice = true;
            return Vec::new();
        }
        let mut events = Vec::new();
        loop {
            self.begin();
            self.transmit();
            self.receive();
            let Some(message) = self.next_message() else { return events };
            events.extend(self.handle(message));
        }
    }

    fn begin(&mut self) {
        if self.under_way.is_some() {
            return;
        }
        let Some(request) = self.planned.pop_front() else { return };
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        for word in [request.kind, id, 0, request.payload.len() as u32] {
            self.out.extend(word.to_le_bytes());
        }
        self.out.extend(&request.payload);
        self.under_way = Some((id, request));
    }

    fn transmit(&mut self) {
        let page = &self.ring.page;
        let (cons, mut prod) = (page.load_u32(REQ_CONS), page.load_u32(REQ_PROD));
        while prod.wrapping_sub(cons) < abi::RING_SIZE {
            let Some(byte) = self.out.pop_front() else { break };
            page.write(REQUESTS + (prod % abi::RING_SIZE) as usize, &[byte]);
            prod = prod.wrapping_add(1);
            self.notice = true;
        }
        page.store_u32(REQ_PROD, prod);
    }

    fn receive(&mut self) {
        let page = &self.ring.page;
        let (mut cons, prod) = (page.load_u32(RSP_CONS), page.load_u32(RSP_PROD));
        if prod.wrapping_sub(cons) > abi::RING_SIZE {
            return;
        }
        while cons != prod {
            let mut byte = [0];
            page.read(REPLIES + (cons % abi::RING_SIZE) as usize, &mut byte);
            self.input.extend(byte);
            cons = cons.wrapping_add(1);
            self.notice = true;
        }
        page.store_u32(RSP_CONS, cons);
    }

    fn next_message(&mut self) -> Option<(u32, u32, Vec<u8>)> {
        let word = |index: usize| {
            self.input.get(index * 4..index * 4 + 4).map(|bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        };
        let (kind, id, length) = (word(0)?, word(1)?, word(3)? as usize);
        let payload = self.input.get(HEADER..HEADER + length)?.to_vec();
        self.input.drain(..HEADER + length);
        Some((kind, id, payload))
    }

    fn handle(&mut self, (kind, id, payload): (u32, u32, Vec<u8>)) -> Option<StoreEvent> {
        if kind == WATCH_EVENT {
            self.planned.push_back(request(READ, "READ", SHUTDOWN, ""));
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
        if let Some(word) = self.acknowledging.take() {
            return Some(StoreEvent::Shutdown(word));
        }
        self.become_ready()
    }

    /// A word in the shutdown node is taken out before it is obeyed.
    fn acknowledge(&mut self, kind: u32, word: String) {
        if kind != ERROR && !word.is_empty() {
            self.planned.push_front(request(WRITE, "WRITE", SHUTDOWN, ""));
            self.acknowledging = Some(word);
        }
    }

    fn become_ready(&mut self) -> Option<StoreEvent> {
        if self.ready || !self.planned.is_empty() {
            return None;
        }
        self.ready = true;
        Some(StoreEvent::Ready)
    }
}
