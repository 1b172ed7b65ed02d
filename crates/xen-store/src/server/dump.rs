//! The documented stream out of a server.
//!
//! ```text
//!   GLOBAL, limits, connections: rings first, dom0's before all (C xenstored 4.17 ends itself where a socket comes before dom0),
//!   each kind in the order in which they came, each with its watches in the order in which they were set,
//!   nodes with parents first and children oldest first, the two @ nodes, domains, END          (the order of C xenstored 4.20 and 4.22)
//! ```
//!
//! The shell says by which number each client's socket or port is known outside. Clients that it leaves out are not in the stream.

use std::collections::BTreeMap;

use xen_abi::Port;

use super::connection::Connection;
use super::{ConnId, ConnKind, Server};
use crate::perms::{KnownSince, Perm, Perms};
use crate::quota::{Limit, Quota};
use crate::stream::{
    ConnectionRecord, DomainRecord, GlobalQuotaRecord, GlobalRecord, NodePlace, NodeRecord, Peer, QuotaValue, Record, StreamError,
    StreamPerm, Version, WatchRecord, Writer,
};
use crate::tree::Node;
use crate::watch::Watch;
use crate::wire::{self, HEADER_LEN, Header, Message, MsgType, PAYLOAD_MAX};

/// The outside of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The descriptor of its socket.
    Socket(i32),
    /// The store's own port of its ring.
    Ring(Port),
}

/// What the core does not know and the stream says.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// The listening socket.
    pub socket_fd: Option<i32>,
    /// The event channel device.
    pub evtchn_fd: Option<i32>,
    /// The clients that go on.
    pub ends: BTreeMap<ConnId, End>,
    /// Who asked for the live update: it finds `OK` when the next store has begun.
    pub asker: Option<ConnId>,
}

impl Server {
    /// Writes everything down. The server stays as it is, so that it can go on if nobody takes over. Version 1 says no depth of watches:
    /// they fire for all levels then, and a client takes an event too many as the protocol tells it to.
    pub fn dump(&self, version: Version, outside: &Outside) -> Result<Vec<u8>, StreamError> {
        let mut writer = Writer::new(version);
        writer.put(&Record::Global(GlobalRecord { socket_fd: outside.socket_fd, evtchn_fd: outside.evtchn_fd }))?;
        writer.put(&self.quota_record())?;
        let mut watches = self.watches_by_conn();
        let (rings, sockets): (Vec<_>, Vec<_>) = outside.ends.iter().partition(|(_, end)| matches!(end, End::Ring(_)));
        let going_on = rings.into_iter().chain(sockets).filter_map(|(conn, end)| {
            let connection = self.connections.get(conn)?;
            Some((*conn, self.peer(*end, connection)?, connection))
        });
        for (id, (conn, peer, connection)) in (1..).zip(going_on) {
            let asked = outside.asker == Some(conn);
            writer.put(&Record::Connection(connection_record(id, peer, connection, asked)))?;
            for watch in watches.remove(&conn).unwrap_or_default() {
                writer.put(&Record::Watch(watch_record(id, watch, version)))?;
            }
        }
        self.tree.with_paths().try_for_each(|(node, path, _)| writer.put(&self.node_record(node, &path)))?;
        self.domain_records(version).try_for_each(|record| writer.put(&record))?;
        Ok(writer.finish())
    }

    /// How a client is connected; `None` where core and shell disagree.
    fn peer(&self, end: End, connection: &Connection) -> Option<Peer> {
        match (end, connection.kind) {
            (End::Ring(port), ConnKind::Ring(domid)) => {
                // Without a port nobody listens to it, and its domain's end is noticed all the same.
                let port = if connection.broken { Port(0) } else { port };
                Some(Peer::Ring { domid, target: self.domains.get(domid).and_then(|domain| domain.target), port })
            }
            (End::Socket(fd), ConnKind::Socket) if !connection.broken => Some(Peer::Socket { fd }),
            _ => None,
        }
    }

    fn watches_by_conn(&self) -> BTreeMap<ConnId, Vec<&Watch>> {
        let mut by_conn: BTreeMap<ConnId, Vec<&Watch>> = BTreeMap::new();
        for watch in self.watches.in_order() {
            by_conn.entry(watch.conn).or_default().push(watch);
        }
        by_conn
    }

    fn node_record(&self, node: &Node, path: &str) -> Record {
        let perms = self.entries(node.perms());
        Record::Node(NodeRecord { place: NodePlace::Committed, perms, path: path.as_bytes().into(), value: node.value().into() })
    }

    fn quota_record(&self) -> Record {
        Record::GlobalQuota(GlobalQuotaRecord { per_domain: quota_values(&self.quota), global: Vec::new() })
    }

    /// Features and limits of domains. Only of those that a ring or a node speaks of: C xenstored 4.22 ends itself at any other.
    fn domain_records(&self, version: Version) -> impl Iterator<Item = Record> {
        let spoken_of = |domid| self.ring_of(domid).is_some() || self.tree.accounts().get(domid).nodes > 0;
        self.domains.all().filter(move |(domid, _)| spoken_of(*domid)).map(move |(domid, domain)| {
            let features = if version < Version::V2 { 0 } else { domain.features };
            let limits = domain.own_quota.as_ref().map_or(&self.quota, |own| own.limits());
            Record::Domain(DomainRecord { domid, features, quota: quota_values(limits) })
        })
    }

    /// The entries of a list: those for domains that are dead, or younger than the list, are stale.
    fn entries(&self, perms: &Perms) -> Vec<StreamPerm> {
        let counts = |perm: Perm| perm.names_all() || self.domains.known_since(perm.domid).is_some_and(|since| since <= perms.generation());
        let entry = |(at, perm): (usize, Perm)| {
            let stale = perm.is_ignored() || (at > 0 && !counts(perm));
            StreamPerm { perm: perm.heeded(), stale }
        };
        perms.entries().into_iter().enumerate().map(entry).collect()
    }
}

/// A client with everything that is under way.
fn connection_record(id: u32, peer: Peer, connection: &Connection, asked: bool) -> ConnectionRecord {
    let (half_sent, mut output) = connection.outbox.unsent();
    let mut input = Vec::new();
    match &connection.parked {
        Some(request) if asked => answer(request, &mut output),
        // It is looked at again by whoever comes next; it was parsed, so it can be encoded.
        Some(request) => _ = request.encode(&mut input),
        None => {}
    }
    input.extend_from_slice(can_be_followed(connection.pending_input()));
    ConnectionRecord { id, peer, input, half_sent, output, unique_id: None }
}

/// Input up to a header that announces more than the protocol allows: C xenstored would allocate whatever it says.
fn can_be_followed(input: &[u8]) -> &[u8] {
    let mut rest = input;
    while let Some((header, after)) = rest.split_first_chunk::<HEADER_LEN>() {
        let len = Header::decode(header).len as usize;
        if len > PAYLOAD_MAX {
            return input.get(..input.len() - rest.len()).unwrap_or_default();
        }
        rest = after.get(len..).unwrap_or_default();
    }
    input
}

fn quota_values(quota: &Quota) -> Vec<QuotaValue> {
    Limit::ALL.iter().map(|limit| QuotaValue { name: limit.name().as_bytes().into(), value: quota.get(*limit) }).collect()
}

fn watch_record(conn: u32, watch: &Watch, version: Version) -> WatchRecord {
    let path = watch.seen_path(watch.path.as_str()).as_bytes().into();
    let depth = match version {
        Version::V1 => None,
        Version::V2 => watch.depth.and_then(|depth| u16::try_from(depth).ok()),
    };
    WatchRecord { conn, path, token: watch.token.clone(), depth }
}

/// What a live update's asker reads from whoever comes next.
fn answer(request: &Message, output: &mut Vec<u8>) {
    // Three bytes are within the protocol's bounds.
    let _ = wire::encode(MsgType::Control.number(), request.req_id, request.tx_id, b"OK\0", output);
}
