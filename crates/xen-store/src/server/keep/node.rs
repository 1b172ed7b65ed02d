//! Nodes in the state image.

use std::sync::Arc;

use xen_abi::DomId;

use super::super::Server;
use crate::image::{Image, ImageError, Kind, Reader, Record, Slot, Writer};
use crate::path::StorePath;
use crate::perms::{Perm, Perms, Rights};
use crate::tree::{Node, NodeRef, Tree};
use crate::watch::Change;

impl Server {
    /// Keeps what some changes did to the tree.
    pub(in crate::server) fn keep_nodes(&mut self, changes: &[Change]) {
        let Some(keeping) = &mut self.keeping else { return };
        for change in changes.iter().filter(|change| !change.is_about_domain()) {
            match change.removed_node() {
                Some(node) => forget(&mut keeping.image, node),
                None => keep_path(&mut keeping.image, &self.tree, change.path()),
            }
        }
    }

    /// Keeps a node that was changed without anybody being told.
    pub(in crate::server) fn keep_written(&mut self, path: &StorePath) {
        if let Some(keeping) = &mut self.keeping {
            keep_path(&mut keeping.image, &self.tree, path);
        }
    }

    pub(super) fn keep_all_nodes(&mut self) {
        let Some(keeping) = &mut self.keeping else { return };
        for (node, path, birth) in self.tree.with_paths() {
            // What it says is of an image that came before.
            node.set_slot(Slot::NONE);
            keep_node(&mut keeping.image, node, &path, birth);
        }
    }
}

/// Keeps the node at a path, and those above it that are new.
fn keep_path(image: &mut Image, tree: &Tree, path: &StorePath) {
    if path.is_root() || path.is_special() {
        if let Some(node) = tree.node(path) {
            keep_node(image, node, path.as_str(), 0);
        }
        return;
    }
    let mut node: &Node = tree.root();
    let mut len = 0;
    let mut parts = path.components().peekable();
    while let Some(name) = parts.next() {
        // Removed again by a later change.
        let Some(child) = node.child(name) else { return };
        len += 1 + name.len();
        node = child;
        if node.slot().is_none() || parts.peek().is_none() {
            keep_node(image, node, path.as_str().get(..len).unwrap_or_default(), node.birth());
        }
    }
}

fn keep_node(image: &mut Image, node: &Node, path: &str, birth: u64) {
    let mut slot = node.slot();
    let mut body = Writer::default();
    body.string(path.as_bytes()).number(birth).number(node.perms().generation());
    let entries = node.perms().entries();
    body.size(entries.len());
    for entry in entries {
        body.number(entry.domid.0).number(entry.rights.to_byte());
    }
    body.rest(node.value());
    image.replace(&mut slot, Kind::Node, body.bytes());
    node.set_slot(slot);
}

/// Forgets a node and everything below it.
fn forget(image: &mut Image, top: &NodeRef) {
    let mut pending = vec![&**top];
    while let Some(node) = pending.pop() {
        image.remove(node.slot());
        pending.extend(node.children().map(|child| &**child));
    }
}

/// Builds the tree that some records hold.
pub(super) fn recover(records: &[Record<'_>], generation: u64) -> Result<Tree, ImageError> {
    let mut nodes = Vec::with_capacity(records.len());
    for record in records {
        nodes.push((Reader::new(record.body).text()?, record));
    }
    // A parent's path is shorter than its children's, and begins like them.
    nodes.sort_unstable_by_key(|(path, _)| *path);
    let mut tree = Tree::new();
    for (path, record) in nodes {
        let path = StorePath::parse(path).map_err(|_| ImageError::Damaged("a node has no path"))?;
        recover_node(&mut tree, &path, record, generation)?;
    }
    Ok(tree)
}

fn recover_node(tree: &mut Tree, path: &StorePath, record: &Record<'_>, generation: u64) -> Result<(), ImageError> {
    let mut body = Reader::new(record.body);
    body.string()?;
    let (birth, known_by) = (body.number()?, body.number()?);
    let count: usize = body.narrow()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(Perm::new(DomId(body.narrow()?), Rights::from_byte(body.narrow()?)));
    }
    let perms = Perms::new(&entries, known_by).ok_or(ImageError::Damaged("a node has no owner"))?;
    if !tree.restore(path, body.rest(), Arc::new(perms), birth, generation) {
        return Err(ImageError::Damaged("a node has no parent"));
    }
    if let Some(node) = tree.node(path) {
        node.set_slot(record.slot);
    }
    Ok(())
}
