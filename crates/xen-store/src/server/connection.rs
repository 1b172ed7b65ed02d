//! One client.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use xen_abi::DomId;

use super::keep::{Kept, RingState};
use super::outbox::{Cause, Outbox};
use super::report::Work;
use super::transaction::Transaction;
use crate::image::Slot;
use crate::path::{self, StorePath};
use crate::quota::Quota;
use crate::watch::WatchId;
use crate::wire::{HEADER_LEN, Message, PAYLOAD_MAX, Parser, PayloadTooLong};

/// Bytes that the core buffers of a socket client's requests: a pipelined batch. With a request that waits it is less than the 65,535 bytes
/// that the documented stream can say.
const SOCKET_INPUT_MAX: usize = 56 * 1024;
/// Bytes that the core buffers of a ring's requests: the longest message; the rest waits in the ring.
const RING_INPUT_MAX: usize = HEADER_LEN + PAYLOAD_MAX;
/// Unsent bytes at which a client gets no more answers until it reads.
const OUTPUT_PAUSE: usize = 64 * 1024;

/// Names a connection for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u64);

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnKind {
    /// A local socket, which only root can open: a tool.
    Socket,
    /// A domain's ring.
    Ring(DomId),
}

/// What makes a watch the same watch.
pub(super) type WatchKey = (StorePath, Box<[u8]>);

#[derive(Debug)]
pub(super) struct Connection {
    pub kind: ConnKind,
    pub outbox: Outbox,
    pub watches: HashMap<WatchKey, WatchId>,
    /// Bytes of those watches.
    pub watch_bytes: u64,
    pub transactions: BTreeMap<u32, Transaction>,
    pub next_transaction: u32,
    parser: Parser,
    /// Bytes taken since it connected.
    pub pushed: u64,
    /// A request that waits for the shell's answer; nothing else of this client is looked at meanwhile.
    pub parked: Option<Message>,
    /// Stands in the line of ready connections.
    pub queued: bool,
    /// Stands in the list of connections with output.
    pub dirty: bool,
    /// Broke the protocol.
    pub broken: bool,
    /// Where relative paths begin.
    pub home: String,
    /// What it has done.
    pub work: Work,
    /// Where its ring stands, as the shell says.
    pub ring: Option<RingState>,
    /// Stands in the list of connections that changed.
    pub touched: bool,
    /// What the state image holds of it.
    pub kept: Kept,
    /// Its requests whose events others have not read.
    pub causes: Vec<Arc<Cause>>,
    /// The watchdog looks after its events.
    pub expires: bool,
}

impl Connection {
    pub fn new(kind: ConnKind) -> Connection {
        let domid = match kind {
            ConnKind::Socket => DomId::DOM0,
            ConnKind::Ring(domid) => domid,
        };
        Connection {
            kind,
            outbox: Outbox::default(),
            watches: HashMap::new(),
            watch_bytes: 0,
            transactions: BTreeMap::new(),
            next_transaction: 1,
            parser: Parser::default(),
            parked: None,
            queued: false,
            dirty: false,
            broken: false,
            home: path::domain(domid).root().as_str().to_owned(),
            work: Work::default(),
            pushed: 0,
            ring: None,
            touched: false,
            kept: Kept::default(),
            causes: Vec::new(),
            expires: false,
        }
    }

    /// dom0 and sockets: no limits.
    pub fn privileged(&self) -> bool {
        matches!(self.kind, ConnKind::Socket | ConnKind::Ring(DomId::DOM0))
    }

    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.parser.push(bytes);
            self.pushed += bytes.len() as u64;
        }
    }

    /// Bytes taken and not looked at.
    pub fn pending_input(&self) -> &[u8] {
        self.parser.pending()
    }

    pub fn room(&self, quota: &Quota) -> usize {
        let max = match self.kind {
            ConnKind::Socket => SOCKET_INPUT_MAX,
            ConnKind::Ring(_) => RING_INPUT_MAX,
        };
        if self.may_answer(quota) { max.saturating_sub(self.parser.buffered()) } else { 0 }
    }

    pub fn may_be_served(&self, quota: &Quota) -> bool {
        self.may_answer(quota) && self.parser.buffered() >= HEADER_LEN
    }

    /// Replies that it has not read, and requests whose events others have not read.
    pub fn outstanding(&self) -> usize {
        self.outbox.replies() + self.causes.iter().filter(|cause| Arc::strong_count(cause) > 1).count()
    }

    /// Notes a request that made events.
    pub fn add_cause(&mut self, cause: Arc<Cause>) {
        self.causes.retain(|cause| Arc::strong_count(cause) > 1);
        if Arc::strong_count(&cause) > 1 {
            self.causes.push(cause);
        }
    }

    /// Whether another answer may be added to what the client has not read yet.
    fn may_answer(&self, quota: &Quota) -> bool {
        let reads = if self.privileged() { self.outbox.bytes() < OUTPUT_PAUSE } else { self.outstanding() < quota.outstanding };
        reads && !self.broken && self.parked.is_none()
    }

    pub fn next_request(&mut self, quota: &Quota) -> Result<Option<Message>, PayloadTooLong> {
        if self.may_answer(quota) { self.parser.next_message() } else { Ok(None) }
    }

    /// Bytes held for this client besides its nodes.
    pub fn held(&self) -> u64 {
        let transactions: u64 = self.transactions.values().map(Transaction::held).sum();
        self.watch_bytes + transactions + self.outbox.bytes() as u64
    }

    /// A number that no open transaction has; never 0, which means none.
    pub fn fresh_transaction_id(&mut self) -> u32 {
        loop {
            let id = self.next_transaction;
            self.next_transaction = self.next_transaction.wrapping_add(1).max(1);
            if !self.transactions.contains_key(&id) {
                return id;
            }
        }
    }

    /// Forgets what was under way and listens again: a ring that starts anew.
    pub fn restart(&mut self) {
        self.forget();
        self.broken = false;
    }

    /// Drops every transaction.
    pub fn drop_transactions(&mut self) {
        for transaction in std::mem::take(&mut self.transactions).into_values() {
            self.kept.dead.extend(transaction.slots());
        }
    }

    /// Nothing of it is in the image that comes next.
    pub fn forget_image(&mut self) {
        self.kept = Kept::default();
        self.outbox.forget_image();
        self.transactions.values_mut().for_each(Transaction::forget_image);
    }

    /// Every record of it in the state image.
    pub fn all_slots(&mut self) -> Vec<Slot> {
        self.forget();
        self.kept.take_slots()
    }

    fn forget(&mut self) {
        self.drop_transactions();
        self.kept.dead.extend(std::mem::take(&mut self.outbox).into_slots());
        self.parser.clear();
        self.parked = None;
    }

    pub fn break_off(&mut self) {
        self.forget();
        self.broken = true;
    }
}
