//! Watches by path component.

use std::collections::BTreeMap;

use super::WatchId;
use crate::path::StorePath;

/// A component of some watched path, with the watches that stand exactly here.
#[derive(Debug, Default)]
pub(super) struct Trie {
    below: BTreeMap<Box<str>, Box<Trie>>,
    here: Vec<WatchId>,
}

impl Trie {
    pub(super) fn insert(&mut self, path: &StorePath, id: WatchId) {
        let mut at = self;
        for name in path.components() {
            at = at.below.entry(name.into()).or_default();
        }
        at.here.push(id);
    }

    /// Removes a watch and the branch that only led to it.
    pub(super) fn remove(&mut self, path: &StorePath, id: WatchId) {
        let mut at = &mut *self;
        for name in path.components() {
            match at.below.get_mut(name) {
                Some(next) => at = next,
                None => return,
            }
        }
        at.here.retain(|other| *other != id);
        if at.is_bare() {
            self.prune(path);
        }
    }

    fn is_bare(&self) -> bool {
        self.here.is_empty() && self.below.is_empty()
    }

    /// Cuts the branch to a bare node at its lowest fork.
    fn prune(&mut self, path: &StorePath) {
        let keep = self.fork_depth(path);
        let mut at = self;
        for (depth, name) in path.components().enumerate() {
            if depth == keep {
                at.below.remove(name);
                return;
            }
            match at.below.get_mut(name) {
                Some(next) => at = next,
                None => return,
            }
        }
    }

    /// Depth of the deepest node on the path that something else needs.
    fn fork_depth(&self, path: &StorePath) -> usize {
        let mut at = self;
        let mut fork = 0;
        for (depth, name) in path.components().enumerate() {
            if !at.here.is_empty() || at.below.len() > 1 {
                fork = depth;
            }
            match at.below.get(name) {
                Some(next) => at = next,
                None => break,
            }
        }
        fork
    }

    /// The watches exactly here.
    pub(super) fn here(&self) -> &[WatchId] {
        &self.here
    }

    /// The next component.
    pub(super) fn next(&self, name: &str) -> Option<&Trie> {
        self.below.get(name).map(|next| &**next)
    }

    /// Whether nothing below is watched.
    pub(super) fn leads_nowhere(&self) -> bool {
        self.below.is_empty()
    }
}

/// Takes the trie apart with a stack of its own: a watched path can be a thousand levels deep.
impl Drop for Trie {
    fn drop(&mut self) {
        let mut pending: Vec<Box<Trie>> = std::mem::take(&mut self.below).into_values().collect();
        while let Some(mut trie) = pending.pop() {
            pending.extend(std::mem::take(&mut trie.below).into_values());
        }
    }
}
