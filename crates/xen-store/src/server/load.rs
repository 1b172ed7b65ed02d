//! A server out of the documented stream: what another xenstored, or an older one of ours, held.
//!
//! ```text
//!   stream --> Reader --> records --> Loading --> Loaded { server, descriptors, who is connected and how }
//!                                                    |
//!   shell:  sockets by number, rings by grant, ports as they are bound; then every ring once, every domain asked for,
//!           restored output first
//! ```
//!
//! Nothing outside changes until the whole stream is read: whoever gets an error can still give the same stream to somebody else.

use std::collections::BTreeMap;
use std::sync::Arc;

use xen_abi::{DomId, Port};

use super::{ConnId, ConnKind, Server, features};
use crate::path::{self, StorePath};
use crate::perms::{Identity, Perm, Perms};
use crate::quota::{Limit, Quota};
use crate::stream::{
    ConnectionRecord, DomainRecord, GlobalRecord, NodePlace, NodeRecord, Peer, QuotaValue, Reader, Record, StreamError, StreamPerm,
    Version, WatchRecord, text,
};
use crate::tree::Tree;
use crate::watch::Watch;
use crate::wire::ABS_PATH_MAX;

/// The generation of everything that was loaded.
const LOADED: u64 = 1;

/// Why a stream makes no server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// It cannot be read.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// It is oxenstored's, and cannot be read.
    #[error(transparent)]
    Text(#[from] text::TextError),
    /// It can be read and makes no sense.
    #[error("store stream, record before byte {at}: {why}")]
    Senseless {
        /// Bytes from the start of the stream to the next record.
        at: usize,
        /// What is wrong.
        why: Senseless,
    },
}

/// What makes no sense in a stream that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Senseless {
    /// Two connections with one id, or two rings of one domain.
    #[error("a connection comes twice")]
    TwoConnections,
    /// A watch or a transaction of nobody.
    #[error("its connection is not in the stream")]
    NoConnection,
    /// A path that no node can have.
    #[error("its path is none")]
    Path,
    /// A node before its parent.
    #[error("its parent is not in the stream before it")]
    NoParent,
    /// A node twice.
    #[error("a node comes twice")]
    TwoNodes,
    /// Unsent bytes that are no messages.
    #[error("its unsent bytes are no messages")]
    Output,
    /// The same watch twice.
    #[error("a watch comes twice")]
    TwoWatches,
}

/// A client of a loaded server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadedClient {
    /// Its connection now.
    pub conn: ConnId,
    /// How it is connected, by the numbers of the stream.
    pub peer: Peer,
    /// Which domain of its number it is, where the stream says so.
    pub unique_id: Option<u64>,
}

/// What a stream makes.
#[derive(Debug)]
pub struct Loaded {
    /// The server, with nothing served yet: call [`Server::step`].
    pub server: Server,
    /// The listening socket and the event channel device.
    pub descriptors: GlobalRecord,
    /// The port of the domain exception interrupt where it stays bound (oxenstored).
    pub virq: Option<Port>,
    /// Every client, in the order of the stream.
    pub clients: Vec<LoadedClient>,
}

impl Server {
    /// Reads a stream. `quota` holds until the stream says otherwise.
    pub fn load(quota: Quota, stream: &[u8]) -> Result<Loaded, LoadError> {
        if text::is_text(stream) {
            return Server::load_text(quota, stream);
        }
        let mut reader = Reader::new(stream)?;
        let mut loading = Loading::new(quota, reader.version());
        while let Some(record) = reader.next() {
            let record = record?;
            loading.take(record).map_err(|why| LoadError::Senseless { at: reader.position(), why })?;
        }
        Ok(loading.finish(None))
    }

    /// Reads what oxenstored writes.
    fn load_text(quota: Quota, bytes: &[u8]) -> Result<Loaded, LoadError> {
        let text::Text { records, virq } = text::translate(bytes)?;
        let mut loading = Loading::new(quota, Version::V1);
        for (at, record) in (0..).zip(records) {
            loading.take(record).map_err(|why| LoadError::Senseless { at, why })?;
        }
        Ok(loading.finish(virq))
    }
}

struct Loading {
    server: Server,
    version: Version,
    descriptors: GlobalRecord,
    clients: Vec<LoadedClient>,
    by_id: BTreeMap<u32, ConnId>,
    /// Lists met before, so that equal ones are one.
    lists: BTreeMap<Vec<(u16, u8, bool)>, Arc<Perms>>,
}

type Result<T, E = Senseless> = std::result::Result<T, E>;

impl Loading {
    fn new(quota: Quota, version: Version) -> Loading {
        let server = Server { generation: LOADED, tree: Tree::new(), ..Server::new(quota) };
        let descriptors = GlobalRecord { socket_fd: None, evtchn_fd: None };
        Loading { server, version, descriptors, clients: Vec::new(), by_id: BTreeMap::new(), lists: BTreeMap::new() }
    }

    fn take(&mut self, record: Record) -> Result<()> {
        match record {
            Record::Global(global) => self.descriptors = global,
            Record::Connection(connection) => self.connection(connection)?,
            Record::Watch(watch) => self.watch(&watch)?,
            Record::Node(node) => self.node(&node)?,
            Record::GlobalQuota(quota) => limits(&quota.per_domain).for_each(|(limit, value)| self.server.quota.set(limit, value)),
            Record::Domain(domain) => self.domain(&domain),
            Record::End | Record::Unknown(_) | Record::Transaction(_) => {}
        }
        Ok(())
    }

    fn connection(&mut self, record: ConnectionRecord) -> Result<()> {
        let conn = match record.peer {
            Peer::Socket { .. } => self.server.connect(ConnKind::Socket),
            Peer::Ring { domid, target, .. } => self.ring(domid, target)?,
        };
        if self.by_id.insert(record.id, conn).is_some() {
            return Err(Senseless::TwoConnections);
        }
        self.clients.push(LoadedClient { conn, peer: record.peer, unique_id: record.unique_id });
        let connection = self.server.connections.get_mut(&conn).ok_or(Senseless::NoConnection)?;
        if matches!(record.peer, Peer::Ring { port: Port(0), .. }) {
            // Whoever wrote the stream could not reach it, or had stopped listening to it.
            connection.break_off();
            return Ok(());
        }
        let now = self.server.fairness.now();
        connection.outbox.restore(usize::from(record.half_sent), &record.output, now).ok_or(Senseless::Output)?;
        if !connection.outbox.is_empty() {
            connection.dirty = true;
            self.server.dirty.push(conn);
        }
        self.server.expect_to_read(conn);
        self.server.input(conn, &record.input);
        Ok(())
    }

    /// Quietly: nobody is told of a domain that everybody knows.
    fn ring(&mut self, domid: DomId, target: Option<DomId>) -> Result<ConnId> {
        if self.server.ring_of(domid).is_some() {
            return Err(Senseless::TwoConnections);
        }
        let conn = self.server.connect_ring_as_new(domid);
        if let Some(target) = target {
            self.server.domains.learn(target, LOADED);
        }
        let domain = self.server.domains.learn(domid, LOADED);
        domain.ring = Some(conn);
        domain.target = target;
        Ok(conn)
    }

    fn watch(&mut self, record: &WatchRecord) -> Result<()> {
        let conn = *self.by_id.get(&record.conn).ok_or(Senseless::NoConnection)?;
        let connection = self.server.connections.get_mut(&conn).ok_or(Senseless::NoConnection)?;
        let path = match StorePath::resolve(&record.path, &connection.home, usize::MAX) {
            Ok(path) => path,
            // C 4.17 takes any bytes behind an @; nothing ever fires such a watch.
            Err(_) if record.path.starts_with(b"@") => return Ok(()),
            Err(_) => return Err(Senseless::Path),
        };
        let relative = !matches!(record.path.first(), Some(b'/' | b'@'));
        let hidden_prefix = if relative { connection.home.len() + 1 } else { 0 };
        let depth = record.depth.map(usize::from);
        let watch = Watch { conn, path: path.clone(), token: record.token.clone(), hidden_prefix, depth };
        let size = watch.size();
        let key = (path, record.token.clone());
        if connection.watches.contains_key(&key) {
            return Err(Senseless::TwoWatches);
        }
        connection.watches.insert(key, self.server.watches.add(watch));
        connection.watch_bytes += size;
        Ok(())
    }

    fn node(&mut self, record: &NodeRecord) -> Result<()> {
        if record.place != NodePlace::Committed {
            return Ok(());
        }
        let path = absolute(&record.path)?;
        let perms = self.list(&record.perms);
        let found = self.server.tree.find(&path);
        match (found.node, found.missing) {
            (Some(_), _) if path.is_root() || path.is_special() => {}
            (Some(_), _) => return Err(Senseless::TwoNodes),
            (None, _) if path.is_special() => return Err(Senseless::Path),
            (None, 1) => self.server.tree.create(&path, &record.value, &Identity::TOOLS, LOADED),
            (None, _) => return Err(Senseless::NoParent),
        }
        if path.is_root() {
            self.server.tree.set_value(&path, &record.value);
        }
        self.server.tree.set_perms(&path, perms);
        Ok(())
    }

    /// Limits that differ from everybody's are the domain's own.
    fn domain(&mut self, record: &DomainRecord) {
        let Server { domains, quota, .. } = &mut self.server;
        if record.domid.is_ordinary() {
            domains.learn(record.domid, LOADED);
        }
        if self.version >= Version::V2 && record.features != features::OURS {
            domains.mask_features(record.domid, record.features & features::OURS);
        }
        for (limit, value) in limits(&record.quota).filter(|(limit, value)| quota.get(*limit) != *value) {
            domains.set_own_limit(record.domid, limit, value, quota);
        }
    }

    /// The list of these entries. Whoever is named by an entry that counts exists until the hypervisor says otherwise.
    fn list(&mut self, entries: &[StreamPerm]) -> Arc<Perms> {
        let key = entries.iter().map(|entry| (entry.perm.domid.0, entry.perm.rights.letter(), entry.stale)).collect();
        if let Some(list) = self.lists.get(&key) {
            return Arc::clone(list);
        }
        for entry in entries.iter().filter(|entry| !entry.stale && entry.perm.domid.is_ordinary()) {
            self.server.domains.learn(entry.perm.domid, LOADED);
        }
        let entry = |entry: &StreamPerm| if entry.stale { entry.perm.ignored() } else { entry.perm };
        let entries: Vec<Perm> = entries.iter().map(entry).collect();
        let list = Perms::new(&entries, LOADED).map_or_else(Perms::dom0_only, Arc::new);
        self.lists.insert(key, Arc::clone(&list));
        list
    }

    fn finish(self, virq: Option<Port>) -> Loaded {
        Loaded { virq, server: self.server, descriptors: self.descriptors, clients: self.clients }
    }
}

/// The limits that are known here; others have no effect.
fn limits(values: &[QuotaValue]) -> impl Iterator<Item = (Limit, u32)> + '_ {
    values.iter().filter_map(|quota| Some((Limit::by_name(&quota.name)?, quota.value)))
}

fn absolute(path: &[u8]) -> Result<StorePath> {
    let absolute = matches!(path.first(), Some(b'/' | b'@'));
    let path = if absolute { StorePath::resolve(path, path::domains().as_str(), ABS_PATH_MAX).ok() } else { None };
    path.ok_or(Senseless::Path)
}
