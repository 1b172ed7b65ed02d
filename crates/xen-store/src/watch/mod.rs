//! Watches: who is told of which change, and by what name.
//!
//! ```text
//!   watch on /a/b        fires for /a/b and everything below; depth 0: for /a/b alone, 1: and its children
//!   change of /a/b/c     walks the trie  / -> a -> b -> c  and asks only watches it meets: cost is the depth of the path
//!   removal of /a        fires what stands on the walk, then every watch below on a node that went, each with the watched path itself
//! ```
//!
//! `@releaseDomain` itself tells only watches without depth; `@releaseDomain/5` tells watches on that path, and watches of depth 1 and more on
//! `@releaseDomain` (4.22).
//!
//! A connection hears of a change if it could read the node or the node's parent, before or after (XSA-115).

mod change;
mod trie;

use std::collections::BTreeMap;

pub use change::{Change, Firing};
use trie::Trie;

use crate::path::StorePath;
use crate::server::ConnId;

/// Names a watch for good; later watches have higher numbers, and a connection's events go in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WatchId(pub(crate) u64);

/// A registered watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whom to tell.
    pub conn: ConnId,
    /// What is watched.
    pub path: StorePath,
    /// The client's own bytes, sent back with each event.
    pub token: Box<[u8]>,
    /// Bytes of the path that a client who watched a relative path does not see.
    pub hidden_prefix: usize,
    /// How many levels below the path count; `None` for all.
    pub depth: Option<usize>,
}

impl Watch {
    /// A change's path as this client knows it.
    #[must_use]
    pub fn seen_path<'a>(&self, path: &'a str) -> &'a str {
        path.get(self.hidden_prefix..).unwrap_or(path)
    }

    /// Bytes counted against the client's memory quota.
    #[must_use]
    pub fn size(&self) -> u64 {
        (self.path.as_str().len() + self.token.len()) as u64
    }
}

/// All watches of all connections.
#[derive(Debug, Default)]
pub struct Watches {
    trie: Trie,
    all: BTreeMap<WatchId, Watch>,
    next: u64,
    /// Watches that came or went, where somebody asks.
    journal: Option<Vec<WatchId>>,
}

impl Watches {
    /// Registers a watch. Whether the same one stands already is the caller's to ask.
    pub fn add(&mut self, watch: Watch) -> WatchId {
        let id = WatchId(self.next);
        self.next += 1;
        self.trie.insert(&watch.path, id);
        self.all.insert(id, watch);
        self.note(id);
        id
    }

    /// Takes back a watch that was kept.
    pub(crate) fn restore(&mut self, id: WatchId, watch: Watch) {
        self.next = self.next.max(id.0 + 1);
        self.trie.insert(&watch.path, id);
        self.all.insert(id, watch);
    }

    /// Every watch's name.
    pub(crate) fn ids(&self) -> impl Iterator<Item = WatchId> {
        self.all.keys().copied()
    }

    /// From now on somebody asks what changed.
    pub(crate) fn keep(&mut self) {
        self.journal = Some(Vec::new());
    }

    /// Watches that came or went since the last call.
    pub(crate) fn take_changed(&mut self) -> Vec<WatchId> {
        self.journal.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn note(&mut self, id: WatchId) {
        if let Some(journal) = &mut self.journal {
            journal.push(id);
        }
    }

    /// Removes a watch.
    pub fn remove(&mut self, id: WatchId) -> Option<Watch> {
        let watch = self.all.remove(&id)?;
        self.trie.remove(&watch.path, id);
        self.note(id);
        Some(watch)
    }

    /// A watch.
    #[must_use]
    pub fn get(&self, id: WatchId) -> Option<&Watch> {
        self.all.get(&id)
    }

    /// All of them, the oldest first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Watch> {
        self.all.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What a change fires, whoever may hear of it: permissions are in each firing.
    #[must_use]
    pub fn fired_by(&self, change: &Change) -> Vec<Firing> {
        let mut fired = Vec::new();
        change.collect(&self.trie, &mut fired);
        fired.retain(|firing| self.get(firing.watch).is_some_and(|watch| change.is_for(firing.levels, watch.depth)));
        fired
    }
}
