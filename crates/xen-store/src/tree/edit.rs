//! Changes to a tree: each keeps the accounts true.

use std::sync::Arc;

use super::{Node, NodeRef, Tree, descend};
use crate::path::{INTRODUCE_DOMAIN, RELEASE_DOMAIN, StorePath};
use crate::perms::{Identity, Perms};
use crate::quota::Account;

impl Tree {
    fn node_mut(&mut self, path: &StorePath) -> Option<&mut Node> {
        match path.as_str() {
            INTRODUCE_DOMAIN => return Some(NodeRef::make_mut(&mut self.introduce)),
            RELEASE_DOMAIN => return Some(NodeRef::make_mut(&mut self.release)),
            _ => {}
        }
        let mut node = NodeRef::make_mut(&mut self.root);
        for name in path.components() {
            node = node.child_mut(name)?;
        }
        Some(node)
    }

    /// Replaces the value of a node that is there; leaves the tree alone otherwise.
    pub fn set_value(&mut self, path: &StorePath, value: &[u8]) {
        let Some(node) = self.node(path).is_some().then(|| self.node_mut(path)).flatten() else { return };
        let owner = node.perms().owner();
        let before = node.size() as u64;
        node.set_value(value);
        let after = node.size() as u64;
        self.accounts.change(owner, |account| account.memory = account.memory + after - before);
    }

    /// Replaces the permissions of a node that is there; leaves the tree alone otherwise.
    pub fn set_perms(&mut self, path: &StorePath, perms: Arc<Perms>) {
        if self.node(path).is_none() {
            return;
        }
        let perms = self.lists.share(perms);
        let Some(node) = self.node_mut(path) else { return };
        let path_len = path.as_str().len();
        let (from, to) = (node.perms().owner(), perms.owner());
        let before = (node.size() + path_len) as u64;
        node.set_perms(perms);
        let after = (node.size() + path_len) as u64;
        self.accounts.change(from, |account| account.leave(1, before));
        self.accounts.change(to, |account| account.join(1, after));
    }

    /// Makes a node and whatever is missing above it; every new node inherits its parent's permissions. A node that is there is left alone.
    pub fn create(&mut self, path: &StorePath, value: &[u8], writer: &Identity, generation: u64) {
        if path.is_special() {
            return;
        }
        let mut node = NodeRef::make_mut(&mut self.root);
        let mut path_len = 0;
        let mut parts = path.components().peekable();
        while let Some(name) = parts.next() {
            path_len += 1 + name.len();
            if node.child(name).is_none() {
                let value = if parts.peek().is_none() { value } else { &[] };
                let inherited = node.perms().inherited(writer);
                let is_new = !Arc::ptr_eq(&inherited, node.perms());
                let perms = if is_new { self.lists.share(inherited) } else { inherited };
                let child = Node::new(name, perms, value);
                let memory = (child.size() + path_len) as u64;
                self.accounts.change(child.perms().owner(), |account| account.join(1, memory));
                self.accounts.change(node.perms().owner(), |account| account.join(0, Node::child_size(name) as u64));
                node.add_child(child, generation);
            }
            match node.child_mut(name) {
                Some(child) => node = child,
                None => return,
            }
        }
    }

    /// Puts a node back at its place among its siblings' ages. `false` where its parent is not there, or it is. The root and `@` nodes take
    /// value and permissions.
    pub(crate) fn restore(&mut self, path: &StorePath, value: &[u8], perms: Arc<Perms>, birth: u64, generation: u64) -> bool {
        if path.is_root() || path.is_special() {
            self.set_value(path, value);
            self.set_perms(path, perms);
            return self.node(path).is_some();
        }
        let found = self.find(path);
        if found.missing != 1 || found.node.is_some() {
            return false;
        }
        let perms = self.lists.share(perms);
        let Some(parent) = self.node_mut(&path.parent()) else { return false };
        let node = Node::new(path.name(), perms, value);
        let (owner, memory) = (node.perms().owner(), (node.size() + path.as_str().len()) as u64);
        let above = parent.perms().owner();
        parent.restore_child(node, birth, generation);
        self.accounts.change(owner, |account| account.join(1, memory));
        self.accounts.change(above, |account| account.join(0, Node::child_size(path.name()) as u64));
        true
    }

    /// Removes a node and everything below it. Gives back what was removed; `None` for the root, `@` nodes and what is not there.
    pub fn remove(&mut self, path: &StorePath, generation: u64) -> Option<NodeRef> {
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
