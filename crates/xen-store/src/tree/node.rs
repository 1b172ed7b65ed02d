//! One node.

use std::sync::Arc;

use super::{Child, Children};
use crate::image::{Slot, SlotCell};
use crate::perms::Perms;

/// Bytes that C xenstored counts for a node's header (`struct node_hdr`).
const HEADER_SIZE: usize = 16;
/// Bytes that C xenstored counts for an entry of a permission list (`struct xs_permissions`).
const PERM_SIZE: usize = 8;

/// A node: value, permissions, children, and when each last changed.
#[derive(Clone, Debug)]
pub struct Node {
    generation: u64,
    children_generation: u64,
    perms: Arc<Perms>,
    value: Box<[u8]>,
    children: Option<Box<Children>>,
    /// Where the state image holds it.
    slot: SlotCell,
}

impl Node {
    pub(super) fn new(perms: Arc<Perms>, value: Box<[u8]>, generation: u64) -> Node {
        Node { generation, children_generation: generation, perms, value, children: None, slot: SlotCell::default() }
    }

    /// The store's generation when value or permissions last changed.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The store's generation when a child was last added or removed.
    #[must_use]
    pub fn children_generation(&self) -> u64 {
        self.children_generation
    }

    /// Who may do what.
    #[must_use]
    pub fn perms(&self) -> &Arc<Perms> {
        &self.perms
    }

    /// The value: any bytes.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.value
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
    pub fn child(&self, name: &str) -> Option<&Arc<Node>> {
        self.children.as_ref()?.get(name)
    }

    /// The children, oldest first.
    pub fn children(&self) -> impl DoubleEndedIterator<Item = &Child> {
        self.children.iter().flat_map(|children| children.in_order())
    }

    /// The child of this name with its age.
    pub(crate) fn child_entry(&self, name: &str) -> Option<&Child> {
        self.children.as_ref()?.entry(name)
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
        HEADER_SIZE + PERM_SIZE * self.perms.count() + self.value.len() + names
    }

    /// What [`Node::size`] would be with another value.
    #[must_use]
    pub fn size_with_value(&self, len: usize) -> usize {
        self.size() - self.value.len() + len
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

    pub(super) fn set_value(&mut self, value: Box<[u8]>, generation: u64) {
        self.value = value;
        self.generation = generation;
    }

    pub(super) fn set_perms(&mut self, perms: Arc<Perms>, generation: u64) {
        self.perms = perms;
        self.generation = generation;
    }

    pub(super) fn child_mut(&mut self, name: &str) -> Option<&mut Node> {
        self.children.as_mut()?.get_mut(name).map(Arc::make_mut)
    }

    pub(super) fn add_child(&mut self, name: &str, node: Arc<Node>, generation: u64) {
        self.children.get_or_insert_default().insert(name, node);
        self.children_generation = generation;
    }

    pub(super) fn restore_child(&mut self, name: &str, node: Arc<Node>, birth: u64) {
        self.children.get_or_insert_default().insert_born(name, node, birth);
    }

    pub(super) fn remove_child(&mut self, name: &str, generation: u64) -> Option<Arc<Node>> {
        let children = self.children.as_mut()?;
        let removed = children.remove(name)?;
        if children.is_empty() {
            self.children = None;
        }
        self.children_generation = generation;
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
