//! Where a request on nodes runs, and what it may do there.

use super::super::domains::Domains;
use super::Result;
use crate::path::StorePath;
use crate::perms::{Identity, Rights};
use crate::quota::Quota;
use crate::tree::Tree;
use crate::watch::Change;
use crate::wire::{PAYLOAD_MAX, XsError};

/// A tree and everything that decides what a request on it may do.
pub(in crate::server) struct Scope<'a> {
    pub tree: &'a mut Tree,
    pub changes: &'a mut Vec<Change>,
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

impl Scope<'_> {
    /// A new generation for a change.
    pub(super) fn next_generation(&mut self) -> u64 {
        *self.generation += 1;
        *self.generation
    }

    /// The path of a node, as sent.
    pub(super) fn path(&self, sent: &[u8]) -> Result<StorePath> {
        let limit = path_limit(&self.who, self.quota);
        StorePath::resolve_node(sent, self.home, limit).map_err(|_| XsError::Invalid)
    }

    /// Checks that the node is there and that the asker has these rights. Who may not read the parent learns only that it may not.
    pub(super) fn check(&self, path: &StorePath, needed: Rights) -> Result<()> {
        let found = self.tree.find(path);
        let error = match found.node {
            Some(node) if node.perms().rights(&self.who, self.domains).covers(needed) => return Ok(()),
            Some(_) => XsError::Access,
            None => XsError::NoEntry,
        };
        let may_know = found.above.perms().rights(&self.who, self.domains).touches(needed);
        Err(if may_know { error } else { XsError::Access })
    }
}

/// The longest path that the asker may name, in bytes.
pub(super) fn path_limit(who: &Identity, quota: &Quota) -> usize {
    if who.privileged { PAYLOAD_MAX } else { quota.path_max }
}
