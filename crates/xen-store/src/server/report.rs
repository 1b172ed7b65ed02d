//! Who does what: figures for `xenith store top` and metrics, and the most that was seen of what quotas bound.

use xen_abi::DomId;

use super::connection::Connection;
use super::{ConnId, ConnKind, Server};
use crate::quota::{Account, Limit, Peaks};
use crate::wire::{Message, MsgType, XsError, strings};

/// What a client has done since it connected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Requests served.
    pub requests: u64,
    /// Requests that got an error for an answer.
    pub errors: u64,
    /// Transactions that were committed.
    pub commits: u64,
    /// Commits that were refused because something else had changed.
    pub conflicts: u64,
    /// Watch events made for it.
    pub events: u64,
    /// Events that it did not read in time, or had no room for.
    pub dropped: u64,
}

impl Work {
    /// Both together.
    pub(super) fn add(&mut self, other: &Work) {
        self.requests += other.requests;
        self.errors += other.errors;
        self.commits += other.commits;
        self.conflicts += other.conflicts;
        self.events += other.events;
        self.dropped += other.dropped;
    }
}

/// One client as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientReport {
    /// Its connection.
    pub conn: ConnId,
    /// How it is connected.
    pub kind: ConnKind,
    /// What it has done.
    pub work: Work,
    /// Watches that stand.
    pub watches: usize,
    /// Open transactions.
    pub transactions: usize,
    /// Nodes that its domain owns; 0 for sockets.
    pub nodes: u32,
    /// Bytes of those nodes; 0 for sockets.
    pub node_bytes: u64,
    /// Bytes held for it besides nodes: watches, transactions, what it has not read.
    pub held: u64,
    /// Bytes that it has not read.
    pub unread: usize,
    /// Broke the protocol and is not listened to.
    pub broken: bool,
}

impl ClientReport {
    /// The subject of a log line or a row: `d5`, or `socket 7`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.kind {
            ConnKind::Ring(domid) => domid.to_string(),
            ConnKind::Socket => format!("socket {}", self.conn.0),
        }
    }
}

/// The store as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// All nodes.
    pub nodes: u64,
    /// All watches.
    pub watches: usize,
    /// Requests served since the start, by clients that left too.
    pub requests: u64,
    /// Commits refused since the start.
    pub conflicts: u64,
    /// Every client.
    pub clients: Vec<ClientReport>,
}

impl Server {
    /// Figures of now. Costs a look at every client; nothing is kept up for it but counters.
    #[must_use]
    pub fn report(&self) -> Report {
        let nodes = self.tree.accounts().iter().map(|(_, account)| u64::from(account.nodes)).sum();
        let clients = self.connections.iter().map(|(conn, connection)| self.report_of(*conn, connection)).collect();
        Report { nodes, watches: self.watches.len(), requests: self.work.requests, conflicts: self.work.conflicts, clients }
    }

    fn report_of(&self, conn: ConnId, connection: &Connection) -> ClientReport {
        let account = match connection.kind {
            ConnKind::Ring(domid) => self.tree.accounts().get(domid),
            ConnKind::Socket => Default::default(),
        };
        ClientReport {
            conn,
            kind: connection.kind,
            work: connection.work,
            watches: connection.watches.len(),
            transactions: connection.transactions.len(),
            nodes: account.nodes,
            node_bytes: account.memory,
            held: connection.held(),
            unread: connection.outbox.bytes(),
            broken: connection.broken,
        }
    }

    /// What a domain uses now of what quotas bound in total.
    pub(super) fn usage(&self, domid: DomId) -> [(Limit, usize); 5] {
        let connection = self.ring_of(domid).and_then(|conn| self.connections.get(&conn));
        usage(self.tree.accounts().get(domid), connection)
    }

    /// Counts a request, and notes what its domain uses after it.
    pub(super) fn note_work<T>(&mut self, conn: ConnId, message: &Message, outcome: &Result<T, XsError>) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let commit = message.kind == MsgType::TransactionEnd.number() && message.payload.starts_with(b"T");
        for work in [&mut self.work, &mut connection.work] {
            work.requests += 1;
            work.errors += u64::from(outcome.is_err());
            work.commits += u64::from(commit && outcome.is_ok());
            work.conflicts += u64::from(matches!(outcome, Err(XsError::Again)));
        }
        let ConnKind::Ring(domid) = connection.kind else { return };
        if domid == DomId::DOM0 {
            return;
        }
        let mut seen = Peaks::default();
        for (limit, value) in usage(self.tree.accounts().get(domid), Some(connection)) {
            seen.note(limit, value);
        }
        let path_len = message.payload.iter().position(|byte| *byte == 0).unwrap_or_default();
        match MsgType::from_number(message.kind) {
            Some(MsgType::Write) => seen.note(Limit::NodeSize, message.payload.len() - path_len),
            Some(MsgType::SetPerms) => seen.note(Limit::NodePermissions, strings(&message.payload).count().saturating_sub(1)),
            _ => {}
        }
        if outcome.is_ok() {
            seen.note(Limit::PathMax, path_len);
        }
        if let Some(transaction) = connection.transactions.get(&message.tx_id) {
            seen.note(Limit::TransactionNodes, transaction.requests());
        }
        self.peaks.join(&seen);
        let memory = seen.get(Limit::Memory) as usize;
        if let Some(peaks) = self.domains.peaks_mut(domid) {
            peaks.join(&seen);
        }
        self.watch_memory(domid, memory);
    }

    /// Notes what a domain uses now.
    pub(super) fn note_peaks(&mut self, domid: DomId) {
        let mut seen = Peaks::default();
        for (limit, value) in self.usage(domid) {
            seen.note(limit, value);
        }
        if domid != DomId::DOM0 {
            self.peaks.join(&seen);
        }
        if let Some(peaks) = self.domains.peaks_mut(domid) {
            peaks.join(&seen);
        }
    }

    pub(super) fn note_all_peaks(&mut self) {
        let known: Vec<DomId> = self.domains.all().map(|(domid, _)| domid).collect();
        for domid in known {
            self.note_peaks(domid);
        }
    }

    pub(super) fn forget_peaks(&mut self) {
        self.peaks = Peaks::default();
        for (_, domain) in self.domains.all_mut() {
            domain.peaks = Peaks::default();
        }
    }
}

pub(super) fn usage(account: Account, connection: Option<&Connection>) -> [(Limit, usize); 5] {
    let held = connection.map_or(0, Connection::held);
    [
        (Limit::Nodes, account.nodes as usize),
        (Limit::Watches, connection.map_or(0, |connection| connection.watches.len())),
        (Limit::Outstanding, connection.map_or(0, Connection::outstanding)),
        (Limit::Memory, usize::try_from(account.memory + held).unwrap_or(usize::MAX)),
        (Limit::Transactions, connection.map_or(0, |connection| connection.transactions.len())),
    ]
}
