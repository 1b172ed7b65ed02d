//! One node.

use std::sync::Arc;

use super::NodeRef;
use super::children::Children;
use super::short::Short;
use crate::image::{Slot, SlotCell};
use crate::perms::Perms;

/// Bytes that C xenstored counts for a node's header (`struct node_hdr`).
const HEADER_SIZE: usize = 16;
/// Bytes that C xenstored counts for an entry of a permission list (`struct xs_permissions`).
const PERM_SIZE: usize = 8;

/// A node: name, value, permissions, children.
#[derive(Clone, Debug)]
pub struct Node {
    name: Short,
    value: Short,
    perms: Arc<Perms>,
    children: Option<Box<Children>>,
    /// Grows with every child that is added to the same parent: the order of listings.
    pub(super) birth: u64,
    /// Where the state image holds it.
    slot: SlotCell,
}

impl Node {
    pub(super) fn new(name: &str, perms: Arc<Perms>, value: &[u8]) -> Node {
        let (name, value) = (Short::new(name.as_bytes()), Short::new(value));
        Node { name, value, perms, children: None, birth: 0, slot: SlotCell::default() }
    }

    /// The last component of its path; empty for the root and `@` nodes.
    #[must_use]
    pub fn name(&self) -> &str {
        // It was part of a path, which is text.
        std::str::from_utf8(self.name.bytes()).unwrap_or_default()
    }

    pub(super) fn name_bytes(&self) -> &[u8] {
        self.name.bytes()
    }

    /// Grows from sibling to sibling.
    pub(crate) fn birth(&self) -> u64 {
        self.birth
    }

    /// The store's generation when a child was last added or removed; 0 while there is none.
    #[must_use]
    pub fn children_generation(&self) -> u64 {
        self.children.as_ref().map_or(0, |children| children.generation)
    }

    /// Who may do what.
    #[must_use]
    pub fn perms(&self) -> &Arc<Perms> {
        &self.perms
    }

    /// The value: any bytes.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.value.bytes()
    }

    /// Where the state image holds it.
    pub(crate) fn slot(&self) -> Slot {
        self.slot.get()
    }

    /// Notes where the state image holds it. A snapshot that shares the node never asks.
    pub(crate) fn set_slot(&self, slot: Slot) {
        self.slot.set(slot);
    }

    /// The child of this name.
    #[must_use]
    pub fn child(&self, name: &str) -> Option<&NodeRef> {
        self.children.as_ref()?.get(name)
    }

    /// The children, oldest first.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &NodeRef> {
        self.children.iter().flat_map(|children| children.in_order())
    }

    /// Names of the children, oldest first, each with a NUL: what DIRECTORY answers.
    #[must_use]
    pub fn listing(&self) -> Arc<[u8]> {
        self.children.as_ref().map(|children| children.listing()).unwrap_or_default()
    }

    /// Bytes that count against quotas, the path not included.
    #[must_use]
    pub fn size(&self) -> usize {
        let names = self.children.as_ref().map_or(0, |children| children.names_len());
        HEADER_SIZE + PERM_SIZE * self.perms.count() + self.value().len() + names
    }

    /// What [`Node::size`] would be with another value.
    #[must_use]
    pub fn size_with_value(&self, len: usize) -> usize {
        self.size() - self.value().len() + len
    }

    /// The size of a node without value and children under these permissions.
    #[must_use]
    pub fn empty_size(perms: &Perms) -> usize {
        HEADER_SIZE + PERM_SIZE * perms.count()
    }

    /// What a child adds to its parent's size.
    #[must_use]
    pub fn child_size(name: &str) -> usize {
        name.len() + 1
    }

    pub(super) fn set_value(&mut self, value: &[u8]) {
        self.value = Short::new(value);
    }

    pub(super) fn set_perms(&mut self, perms: Arc<Perms>) {
        self.perms = perms;
    }

    pub(super) fn child_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.children.as_mut()?.get_mut(name).map(NodeRef::make_mut)
    }

    pub(super) fn add_child(&mut self, node: Node, generation: u64) {
        let children = self.children.get_or_insert_default();
        children.insert(node);
        children.generation = generation;
    }

    pub(super) fn restore_child(&mut self, node: Node, birth: u64, generation: u64) {
        let children = self.children.get_or_insert_default();
        children.insert_born(node, birth);
        children.generation = generation;
    }

    pub(super) fn remove_child(&mut self, name: &str, generation: u64) -> Option<NodeRef> {
        let children = self.children.as_mut()?;
        let removed = children.remove(name)?;
        children.generation = generation;
        if children.is_empty() {
            self.children = None;
        }
        Some(removed)
    }
}

/// Takes the tree below apart with a stack of its own: the compiler's drop would recurse as deep as a guest made its path.
impl Drop for Node {
    fn drop(&mut self) {
        let mut pending: Vec<Box<Children>> = self.children.take().into_iter().collect();
        while let Some(children) = pending.pop() {
            for mut node in children.into_unshared() {
                pending.extend(node.children.take());
            }
        }
    }
}
