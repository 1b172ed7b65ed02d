//! The tree of nodes: immutable once shared, so that a snapshot is a copied pointer.
//!
//! ```text
//!   live ----> root' --+--> tool (shared)          A change copies the nodes on its path and shares everything else. Where nobody holds
//!                      +--> local' --> domain' ... a snapshot, the same code changes in place, for nothing is shared then.
//!   snapshot -> root --+--> tool
//!                      +--> local  --> domain  ...
//! ```
//!
//! Each node carries two generations: of itself (value, permissions) and of its set of children. Counts per owner travel with the tree.

mod children;
mod node;

use std::sync::Arc;

use crate::path::{INTRODUCE_DOMAIN, RELEASE_DOMAIN, StorePath};
use crate::perms::{Identity, Perms};
use crate::quota::{Account, Accounts};

pub use children::{Child, Children};
pub use node::Node;

/// A tree and the two `@` nodes, which exist only for their permissions.
#[derive(Clone, Debug)]
pub struct Tree {
    root: Arc<Node>,
    introduce: Arc<Node>,
    release: Arc<Node>,
    accounts: Accounts,
}

/// What a path leads to.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// The node, if it is there.
    pub node: Option<&'a Arc<Node>>,
    /// The deepest node above the path: the parent of a node that is there, or where a missing one would begin to be made.
    pub above: &'a Arc<Node>,
    /// How many nodes are missing to make the path exist.
    pub missing: usize,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree::new()
    }
}

impl Tree {
    /// The root and the `@` nodes, all of dom0 alone.
    #[must_use]
    pub fn new() -> Tree {
        let perms = Perms::dom0_only();
        let node = || Arc::new(Node::new(Arc::clone(&perms), Box::default(), 0));
        let mut tree = Tree { root: node(), introduce: node(), release: node(), accounts: Accounts::default() };
        for path in ["/", INTRODUCE_DOMAIN, RELEASE_DOMAIN] {
            let memory = (tree.root.size() + path.len()) as u64;
            tree.accounts.change(perms.owner(), |account| {
                account.nodes += 1;
                account.memory += memory;
            });
        }
        tree
    }

    /// The root node.
    #[must_use]
    pub fn root(&self) -> &Arc<Node> {
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
        Arc::ptr_eq(&self.root, &other.root) && Arc::ptr_eq(&self.introduce, &other.introduce) && Arc::ptr_eq(&self.release, &other.release)
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
    pub fn node(&self, path: &StorePath) -> Option<&Arc<Node>> {
        self.find(path).node
    }

    fn special(&self, name: &str) -> Option<&Arc<Node>> {
        match name {
            INTRODUCE_DOMAIN => Some(&self.introduce),
            RELEASE_DOMAIN => Some(&self.release),
            _ => None,
        }
    }

    fn node_mut(&mut self, path: &StorePath) -> Option<&mut Node> {
        match path.as_str() {
            INTRODUCE_DOMAIN => return Some(Arc::make_mut(&mut self.introduce)),
            RELEASE_DOMAIN => return Some(Arc::make_mut(&mut self.release)),
            _ => {}
        }
        let mut node = Arc::make_mut(&mut self.root);
        for name in path.components() {
            node = node.child_mut(name)?;
        }
        Some(node)
    }

    /// Replaces the value of a node that is there; leaves the tree alone otherwise.
    pub fn set_value(&mut self, path: &StorePath, value: &[u8], generation: u64) {
        let Some(node) = self.node(path).is_some().then(|| self.node_mut(path)).flatten() else { return };
        let owner = node.perms().owner();
        let before = node.size() as u64;
        node.set_value(value.into(), generation);
        let after = node.size() as u64;
        self.accounts.change(owner, |account| account.memory = account.memory + after - before);
    }

    /// Replaces the permissions of a node that is there; leaves the tree alone otherwise.
    pub fn set_perms(&mut self, path: &StorePath, perms: Arc<Perms>, generation: u64) {
        let Some(node) = self.node(path).is_some().then(|| self.node_mut(path)).flatten() else { return };
        let path_len = path.as_str().len();
        let (from, to) = (node.perms().owner(), perms.owner());
        let before = (node.size() + path_len) as u64;
        node.set_perms(perms, generation);
        let after = (node.size() + path_len) as u64;
        self.accounts.change(from, |account| account.leave(1, before));
        self.accounts.change(to, |account| account.join(1, after));
    }

    /// Makes a node and whatever is missing above it; every new node inherits its parent's permissions. A node that is there is left alone.
    pub fn create(&mut self, path: &StorePath, value: &[u8], writer: &Identity, generation: u64) {
        if path.is_special() || self.node(path).is_some() {
            return;
        }
        let mut node = Arc::make_mut(&mut self.root);
        let mut path_len = 0;
        let mut parts = path.components().peekable();
        while let Some(name) = parts.next() {
            path_len += 1 + name.len();
            if node.child(name).is_none() {
                let value = if parts.peek().is_none() { value } else { &[] };
                let child = Node::new(node.perms().inherited(writer), value.into(), generation);
                let memory = (child.size() + path_len) as u64;
                self.accounts.change(child.perms().owner(), |account| account.join(1, memory));
                self.accounts.change(node.perms().owner(), |account| account.join(0, Node::child_size(name) as u64));
                node.add_child(name, Arc::new(child), generation);
            }
            match node.child_mut(name) {
                Some(child) => node = child,
                None => return,
            }
        }
    }

    /// Removes a node and everything below it. Gives back what was removed; `None` for the root, `@` nodes and what is not there.
    pub fn remove(&mut self, path: &StorePath, generation: u64) -> Option<Arc<Node>> {
        if path.is_special() || path.is_root() {
            return None;
        }
        self.node(path)?;
        let parent = self.node_mut(&path.parent())?;
        let removed = parent.remove_child(path.name(), generation)?;
        let owner = parent.perms().owner();
        self.accounts.change(owner, |account| account.leave(0, Node::child_size(path.name()) as u64));
        for (node, path_len) in descend(&removed, path.as_str().len()) {
            let memory = (node.size() + path_len) as u64;
            self.accounts.change(node.perms().owner(), |account| account.leave(1, memory));
        }
        Some(removed)
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
        pending.extend(node.children().map(|child| (&**child.node(), prefix + 1 + child.name().len())));
        Some((node, len))
    })
}

impl Account {
    fn join(&mut self, nodes: u32, memory: u64) {
        self.nodes += nodes;
        self.memory += memory;
    }

    fn leave(&mut self, nodes: u32, memory: u64) {
        self.nodes = self.nodes.saturating_sub(nodes);
        self.memory = self.memory.saturating_sub(memory);
    }
}
