//! The tree of nodes: immutable once shared, so that a snapshot is a copied pointer.
//!
//! ```text
//!   live ----> root' --+--> tool (shared)          A change copies the nodes on its path and shares everything else. Where nobody holds
//!                      +--> local' --> domain' ... a snapshot, the same code changes in place, for nothing is shared then.
//!   snapshot -> root --+--> tool
//!                      +--> local  --> domain  ...
//! ```
//!
//! A set of children carries the generation of its last change. Counts per owner travel with the tree.
//!
//! Stores with half a million nodes are met, so that a node's size counts: what it costs is measured (tests/memory.rs).

mod children;
mod edit;
mod node;
mod pool;
mod short;

use std::sync::Arc;

use crate::path::{INTRODUCE_DOMAIN, RELEASE_DOMAIN, StorePath};
use crate::perms::Perms;
use crate::quota::Accounts;

pub use node::Node;
use pool::Pool;

/// A node that snapshots share.
pub type NodeRef = triomphe::Arc<Node>;

/// A tree and the two `@` nodes, which exist only for their permissions.
#[derive(Clone, Debug)]
pub struct Tree {
    root: NodeRef,
    introduce: NodeRef,
    release: NodeRef,
    accounts: Accounts,
    lists: Pool,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The node, if it is there.
    pub node: Option<&'a NodeRef>,
    /// The deepest node above the path: the parent of a node that is there, or where a missing one would begin to be made.
    pub above: &'a NodeRef,
    /// How many nodes are missing to make the path exist.
    pub missing: usize,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}

impl Tree {
    /// The root and the `@` nodes, all of dom0 alone, but that every domain may read `@releaseDomain` (4.22).
    #[must_use]
    pub fn new() -> Tree {
        let perms = Perms::dom0_only();
        let node = |perms: &Arc<Perms>| NodeRef::new(Node::new("", Arc::clone(perms), &[]));
        let release = node(&Perms::dom0_for_all());
        let mut tree = Tree { root: node(&perms), introduce: node(&perms), release, accounts: Accounts::default(), lists: Pool::default() };
        let nodes = [(&tree.root, "/"), (&tree.introduce, INTRODUCE_DOMAIN), (&tree.release, RELEASE_DOMAIN)];
        for memory in nodes.map(|(node, path)| (node.size() + path.len()) as u64) {
            tree.accounts.change(perms.owner(), |account| {
                account.nodes += 1;
                account.memory += memory;
            });
        }
        tree
    }

    /// The root node.
    #[must_use]
    pub fn root(&self) -> &NodeRef {
        &self.root
    }

    /// What each domain's nodes amount to.
    #[must_use]
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Whether both are the same snapshot: nothing was changed between them.
    #[must_use]
    pub fn is_same(&self, other: &Tree) -> bool {
        NodeRef::ptr_eq(&self.root, &other.root)
            && NodeRef::ptr_eq(&self.introduce, &other.introduce)
            && NodeRef::ptr_eq(&self.release, &other.release)
    }

    /// Follows a path as far as it goes.
    #[must_use]
    pub fn find(&self, path: &StorePath) -> Found<'_> {
        let mut found = Found { node: Some(&self.root), above: &self.root, missing: 0 };
        if path.is_special() {
            found.node = self.special(path.as_str());
            return found;
        }
        for name in path.components() {
            if let Some(node) = found.node {
                found.above = node;
            }
            found.node = found.node.and_then(|node| node.child(name));
            found.missing += usize::from(found.node.is_none());
        }
        found
    }

    /// The node of a path.
    #[must_use]
    pub fn node(&self, path: &StorePath) -> Option<&NodeRef> {
        self.find(path).node
    }

    fn special(&self, name: &str) -> Option<&NodeRef> {
        match name {
            INTRODUCE_DOMAIN => Some(&self.introduce),
            RELEASE_DOMAIN => Some(&self.release),
            _ => None,
        }
    }

    /// Every node with its path and its age among its siblings, parents before children, the oldest first, the `@` nodes last.
    pub(crate) fn with_paths(&self) -> impl Iterator<Item = (&Node, String, u64)> {
        let mut pending: Vec<(&Node, String, u64)> = vec![(&self.root, "/".to_owned(), 0)];
        let nodes = std::iter::from_fn(move || {
            let (node, path, birth) = pending.pop()?;
            let above = if path == "/" { "" } else { &path };
            // The youngest goes onto the stack first.
            pending.extend(node.children().rev().map(|child| (&**child, format!("{above}/{}", child.name()), child.birth())));
            Some((node, path, birth))
        });
        let specials = [(&*self.release, RELEASE_DOMAIN), (&*self.introduce, INTRODUCE_DOMAIN)];
        nodes.chain(specials.map(|(node, name)| (node, name.to_owned(), 0)))
    }

    /// Every node with the length of its path, parents before children, the `@` nodes last: what the accounts must add up to.
    pub fn all(&self) -> impl Iterator<Item = (&Node, usize)> {
        let specials = [(&*self.introduce, INTRODUCE_DOMAIN.len()), (&*self.release, RELEASE_DOMAIN.len())];
        descend(&self.root, 1).chain(specials)
    }
}

/// A node and everything below it, with the length of each path in bytes. Keeps its own stack: a path can be a thousand levels deep.
fn descend(top: &Node, path_len: usize) -> impl Iterator<Item = (&Node, usize)> {
    let mut pending = vec![(top, path_len)];
    std::iter::from_fn(move || {
        let (node, len) = pending.pop()?;
        // The root's own slash is the one in front of its children.
        let prefix = if len == 1 { 0 } else { len };
        pending.extend(node.children().map(|child| (&**child, prefix + 1 + child.name().len())));
        Some((node, len))
    })
}
