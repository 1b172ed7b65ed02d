//! A transaction: an old root, a new root, and what was asked in between.
//!
//! ```text
//!   START      base = view = live                              (two pointers)
//!   requests   run on view; each is logged with a digest of its reply
//!   END T      live is still base?   ---- yes --> live = view
//!                    | no
//!                    v
//!              run the log again on a copy of live
//!              every reply the same? ---- yes --> live = the copy       the transaction might as well have run now, as a whole
//!                    | no
//!                    v
//!                  EAGAIN, live untouched
//! ```
//!
//! So conflicts are found per node and per set of children without being looked for: a reply depends on the value, the permissions, the
//! existence or the children that its request asks for, and on nothing else. Two creators of siblings do not conflict; one who listed
//! the directory does. A domain that goes (its nodes may be named in the view) always forces the second way.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::domains::Domains;
use super::requests::{Scope, node_request};
use super::{ConnId, ConnKind};
use crate::image::{Image, Kind, Slot, Writer};
use crate::path::StorePath;
use crate::perms::Identity;
use crate::quota::Quota;
use crate::tree::Tree;
use crate::watch::Change;
use crate::wire::{MsgType, XsError};

/// Requests that a tool may put into one transaction; domains have a quota.
const TOOLS_LOG_MAX: usize = 65_536;

#[derive(Debug)]
struct Logged {
    kind: MsgType,
    payload: Box<[u8]>,
    reply: u64,
    /// Where the state image holds it.
    slot: Slot,
}

/// What requests of a transaction share with the rest of the server.
pub(super) struct Surroundings<'a> {
    pub generation: &'a mut u64,
    pub domains: &'a Domains,
    pub quota: &'a Quota,
    pub who: Identity,
    pub home: &'a str,
    /// What the client is offered.
    pub features: u32,
    /// Bytes that the client holds besides its nodes.
    pub held: u64,
}

impl<'a> Surroundings<'a> {
    /// Around a client's requests.
    pub fn new(
        generation: &'a mut u64,
        domains: &'a Domains,
        global: &'a Quota,
        who: Identity,
        (kind, home): (ConnKind, &'a str),
        held: u64,
    ) -> Surroundings<'a> {
        let (quota, features) = (domains.limits(kind, global), domains.features(kind));
        Surroundings { generation, domains, quota, who, home, features, held }
    }

    /// One request on some tree.
    pub fn run(
        &mut self,
        tree: &mut Tree,
        changes: &mut Vec<Change>,
        kind: MsgType,
        payload: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<(), XsError> {
        let mut scope = Scope {
            tree,
            changes,
            generation: self.generation,
            domains: self.domains,
            quota: self.quota,
            who: self.who,
            home: self.home,
            features: self.features,
            held: self.held,
        };
        node_request(kind, payload, &mut scope, reply)
    }
}

#[derive(Debug)]
pub(super) struct Transaction {
    /// What was live at the start, unless that is not known any more.
    base: Option<Tree>,
    view: Tree,
    /// Count of domains gone at the start.
    gone: u64,
    log: Vec<Logged>,
    changes: Vec<Change>,
    held: u64,
    /// A quota cut a request short: what the client meant cannot be committed (XSA-415).
    failed: bool,
    /// Where the state image holds it, and what it holds.
    slot: Slot,
    kept_failed: bool,
    /// How much of the log it holds.
    kept: usize,
}

impl Transaction {
    pub fn start(live: &Tree, domains: &Domains) -> Transaction {
        Transaction {
            base: Some(live.clone()),
            view: live.clone(),
            gone: domains.gone,
            log: Vec::new(),
            changes: Vec::new(),
            held: 0,
            failed: false,
            slot: Slot::NONE,
            kept_failed: false,
            kept: 0,
        }
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.log.len()
    }

    /// Bytes of the log.
    pub fn held(&self) -> u64 {
        self.held
    }

    /// Runs a request in the transaction's own view.
    pub fn run(&mut self, kind: MsgType, payload: &[u8], around: &mut Surroundings<'_>, reply: &mut Vec<u8>) -> Result<(), XsError> {
        let cost = cost(payload);
        if let Err(error) = self.check_log(cost, around) {
            self.failed = true;
            return Err(error);
        }
        let start = reply.len();
        let outcome = around.run(&mut self.view, &mut self.changes, kind, payload, reply);
        // A list that is too long is refused before anything is touched, and spoils nothing, as in C.
        self.failed |= kind != MsgType::SetPerms && matches!(outcome, Err(XsError::NoSpace | XsError::NoMemory));
        let digest = digest(outcome, reply.get(start..).unwrap_or_default());
        self.held += cost;
        self.log.push(Logged { kind, payload: payload.into(), reply: digest, slot: Slot::NONE });
        outcome
    }

    /// Whether the log may grow by one request.
    fn check_log(&self, cost: u64, around: &Surroundings<'_>) -> Result<(), XsError> {
        let max = if around.who.privileged { TOOLS_LOG_MAX } else { around.quota.transaction_nodes };
        if self.log.len() >= max {
            return Err(XsError::NoSpace);
        }
        let over = !around.who.privileged && around.held + cost >= around.quota.memory as u64;
        if over { Err(XsError::NoMemory) } else { Ok(()) }
    }

    /// What was asked of which node, but for what the client was not let near.
    pub fn touched<'a>(&'a self, home: &'a str) -> impl Iterator<Item = (MsgType, StorePath)> + 'a {
        let denied = digest(Err(XsError::Access), &[]);
        let allowed = self.log.iter().filter(move |logged| logged.reply != denied);
        allowed.filter_map(move |logged| Some((logged.kind, StorePath::of_request(&logged.payload, home)?)))
    }

    /// Nothing of it is in the image that comes next. It commits the slow way from now on: the view's nodes do not know their records.
    pub fn forget_image(&mut self) {
        self.base = None;
        self.slot = Slot::NONE;
        self.kept = 0;
    }

    /// Gives the state image what it does not hold yet.
    pub fn keep(&mut self, image: &mut Image, conn: ConnId, id: u32) {
        if self.slot.is_none() || self.failed != self.kept_failed {
            let mut body = Writer::default();
            body.number(conn.0).number(id).flag(self.failed);
            image.replace(&mut self.slot, Kind::Transaction, body.bytes());
            self.kept_failed = self.failed;
        }
        for (number, logged) in self.log.iter_mut().enumerate().skip(self.kept) {
            let mut body = Writer::default();
            body.number(conn.0).number(id).size(number).number(logged.kind.number()).number(logged.reply).rest(&logged.payload);
            logged.slot = image.put(Kind::Logged, body.bytes());
        }
        self.kept = self.log.len();
    }

    /// A transaction that the state image held; its log follows with [`Transaction::run_again`].
    pub fn recovered(live: &Tree, domains: &Domains, failed: bool, slot: Slot) -> Transaction {
        Transaction { base: None, failed, kept_failed: failed, slot, ..Transaction::start(live, domains) }
    }

    /// Takes a request back that the state image held. If its reply would be another one now, the commit will be refused.
    pub fn run_again(&mut self, kind: MsgType, payload: &[u8], digest: u64, slot: Slot, around: &mut Surroundings<'_>) {
        let mut reply = Vec::new();
        // The commit compares once more, with what was answered then.
        let _ = around.run(&mut self.view, &mut self.changes, kind, payload, &mut reply);
        self.held += cost(payload);
        self.log.push(Logged { kind, payload: payload.into(), reply: digest, slot });
        self.kept = self.log.len();
    }

    /// Where the state image holds it.
    pub fn slots(&self) -> impl Iterator<Item = Slot> {
        let all = std::iter::once(self.slot).chain(self.log.iter().map(|logged| logged.slot));
        all.filter(|slot| !slot.is_none())
    }

    /// Makes the view the live tree, or says why not and leaves the live tree alone. Gives the changes to be told.
    pub fn commit(self, live: &mut Tree, around: &mut Surroundings<'_>) -> Result<Vec<Change>, XsError> {
        if self.failed {
            return Err(XsError::NoMemory);
        }
        if self.base.as_ref().is_some_and(|base| live.is_same(base)) && around.domains.gone == self.gone {
            *live = self.view;
            return Ok(self.changes);
        }
        let mut again = live.clone();
        let mut changes = Vec::new();
        let mut reply = Vec::new();
        for logged in &self.log {
            reply.clear();
            let outcome = around.run(&mut again, &mut changes, logged.kind, &logged.payload, &mut reply);
            if digest(outcome, &reply) != logged.reply {
                return Err(XsError::Again);
            }
        }
        *live = again;
        Ok(changes)
    }
}

/// Bytes that count for a request: twice its own, here and in the view.
fn cost(payload: &[u8]) -> u64 {
    2 * payload.len() as u64 + 64
}

/// Not made for other programs: one that digests in another way refuses the commits of transactions that it takes over.
fn digest(outcome: Result<(), XsError>, reply: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    outcome.hash(&mut hasher);
    if outcome.is_ok() {
        reply.hash(&mut hasher);
    }
    hasher.finish()
}
