//! A change to the tree, and which watches it meets.

use std::sync::Arc;

use super::WatchId;
use super::trie::Trie;
use crate::path::StorePath;
use crate::perms::Perms;
use crate::tree::NodeRef;

/// Something that happened to the tree.
#[derive(Clone, Debug)]
pub struct Change {
    path: StorePath,
    kind: Kind,
    /// Whoever may read by one of these hears of it.
    seen_by: Vec<Arc<Perms>>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The node was made or changed.
    Written,
    /// The node and everything below it is gone.
    Removed(NodeRef),
    /// A domain came or went: the `@` name itself, for watches without depth.
    Special,
    /// The same below the `@` name, under the domain's number: for watches on that, and for watches with depth on the name.
    SpecialOf,
}

/// A watch that a change met.
#[derive(Clone, Debug)]
pub struct Firing {
    /// The watch.
    pub watch: WatchId,
    /// The path to report.
    pub path: Arc<str>,
    /// Levels between the watched path and the reported one.
    pub levels: usize,
    /// Whoever may read by one of these hears of it.
    pub seen_by: Vec<Arc<Perms>>,
}

impl Change {
    /// A node was made or changed. `seen_by`: its permissions now, its parent's, and those it had before.
    #[must_use]
    pub fn written(path: StorePath, seen_by: Vec<Arc<Perms>>) -> Change {
        Change { path, kind: Kind::Written, seen_by }
    }

    /// A node was removed with everything below it.
    #[must_use]
    pub fn removed(path: StorePath, node: NodeRef, parent: Arc<Perms>) -> Change {
        let seen_by = vec![Arc::clone(node.perms()), parent];
        Change { path, kind: Kind::Removed(node), seen_by }
    }

    /// A domain came or went: `@releaseDomain/5`.
    #[must_use]
    pub fn special_of(path: StorePath, seen_by: Vec<Arc<Perms>>) -> Change {
        Change { path, kind: Kind::SpecialOf, seen_by }
    }

    /// Whether a watch this many levels above wants to hear of it.
    pub(super) fn is_for(&self, levels: usize, depth: Option<usize>) -> bool {
        match self.kind {
            Kind::Special => depth.is_none(),
            Kind::SpecialOf => levels == 0 || depth.is_some_and(|depth| depth >= levels),
            Kind::Written | Kind::Removed(_) => depth.is_none_or(|depth| depth >= levels),
        }
    }

    /// A domain came or went.
    #[must_use]
    pub fn special(path: StorePath, seen_by: Vec<Arc<Perms>>) -> Change {
        Change { path, kind: Kind::Special, seen_by }
    }

    /// What was removed.
    pub(crate) fn removed_node(&self) -> Option<&NodeRef> {
        match &self.kind {
            Kind::Removed(node) => Some(node),
            _ => None,
        }
    }

    /// Whether it is about a domain and not about a node.
    pub(crate) fn is_about_domain(&self) -> bool {
        matches!(self.kind, Kind::Special | Kind::SpecialOf)
    }

    /// The node.
    #[must_use]
    pub fn path(&self) -> &StorePath {
        &self.path
    }

    /// Every firing, in the order in which clients must hear: what is below a removed node first, then by age of the watch.
    pub(super) fn collect(&self, root: &Trie, fired: &mut Vec<Firing>) {
        let (above, end) = walk(root, &self.path);
        if let (Kind::Removed(node), Some(trie)) = (&self.kind, end) {
            collect_below(trie, node, self.path.as_str(), fired);
        }
        let depth = above.len();
        let mut watches: Vec<(WatchId, usize)> = Vec::new();
        if !matches!(self.kind, Kind::Special) {
            // Nothing of the tree lies above an `@` name.
            let first = usize::from(self.path.is_special());
            for (level, trie) in above.iter().enumerate().skip(first) {
                let here = trie.iter().flat_map(|trie| trie.here());
                watches.extend(here.map(|id| (*id, depth - level)));
            }
        }
        watches.extend(end.iter().flat_map(|trie| trie.here()).map(|id| (*id, 0)));
        if watches.is_empty() {
            return;
        }
        watches.sort_unstable();
        let path: Arc<str> = self.path.as_str().into();
        fired.extend(watches.into_iter().map(|(watch, levels)| Firing {
            watch,
            path: Arc::clone(&path),
            levels,
            seen_by: self.seen_by.clone(),
        }));
    }
}

/// The trie nodes strictly above the path, none where nothing is watched, and the one at the path if something is watched there or below.
fn walk<'a>(root: &'a Trie, path: &StorePath) -> (Vec<Option<&'a Trie>>, Option<&'a Trie>) {
    let mut above = Vec::new();
    let mut at = Some(root);
    for name in path.components() {
        above.push(at);
        at = at.and_then(|trie| trie.next(name));
    }
    (above, at)
}

/// Watches on nodes below a removed one: children before their parents, older before younger, as C xenstored removes them. Walks only what
/// tree and trie have in common, in the opposite order, and turns the result around.
fn collect_below(trie: &Trie, removed: &NodeRef, path: &str, fired: &mut Vec<Firing>) {
    let start = fired.len();
    let mut pending = shared_children(trie, removed, path);
    while let Some((trie, node, parent, path)) = pending.pop() {
        let seen_by = vec![Arc::clone(node.perms()), Arc::clone(parent.perms())];
        let firing = |watch: &WatchId| Firing { watch: *watch, path: path.as_str().into(), levels: 0, seen_by: seen_by.clone() };
        fired.extend(trie.here().iter().rev().map(firing));
        pending.append(&mut shared_children(trie, node, &path));
    }
    if let Some(collected) = fired.get_mut(start..) {
        collected.reverse();
    }
}

type Shared<'a> = (&'a Trie, &'a NodeRef, &'a NodeRef, String);

/// Children that are in the tree and on the way to a watch, each with its parent and its path.
fn shared_children<'a>(trie: &'a Trie, node: &'a NodeRef, path: &str) -> Vec<Shared<'a>> {
    if trie.leads_nowhere() {
        return Vec::new();
    }
    let shared = |child: &'a NodeRef| Some((trie.next(child.name())?, child, node, format!("{path}/{}", child.name())));
    node.children().filter_map(shared).collect()
}
