//! A node's children: found by name, listed by age, cheap to copy while shared.
//!
//! ```text
//!   chunks   [ Arc[a b d] | Arc[e k m] | Arc[n x] ]     sorted by name, at most 64 children each; a write copies one chunk
//!   listing  "x\0a\0m\0..."                             oldest first as in C xenstored; kept until a child comes or goes
//! ```

use std::sync::{Arc, OnceLock};

use super::Node;

const CHUNK: usize = 64;

/// A named child.
#[derive(Clone, Debug)]
pub struct Child {
    name: Arc<str>,
    /// Grows with every child added: the order of listings.
    birth: u64,
    node: Arc<Node>,
}

impl Child {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The node.
    #[must_use]
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Grows from sibling to sibling.
    pub(crate) fn birth(&self) -> u64 {
        self.birth
    }
}

/// The children of one node. Chunks are never empty.
#[derive(Clone, Debug, Default)]
pub struct Children {
    chunks: Vec<Arc<Vec<Child>>>,
    next_birth: u64,
    names_len: usize,
    listing: OnceLock<Arc<[u8]>>,
}

impl Children {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn names_len(&self) -> usize {
        self.names_len
    }

    /// Index of the chunk where the name stands or would stand.
    fn chunk_of(&self, name: &str) -> usize {
        if self.chunks.len() < 2 {
            return 0;
        }
        let starts_before = |chunk: &Arc<Vec<Child>>| chunk.first().is_some_and(|child| *child.name <= *name);
        self.chunks.partition_point(starts_before).saturating_sub(1)
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<Node>> {
        self.entry(name).map(|child| &child.node)
    }

    pub(super) fn entry(&self, name: &str) -> Option<&Child> {
        let chunk = self.chunks.get(self.chunk_of(name))?;
        let at = chunk.binary_search_by(|child| (*child.name).cmp(name)).ok()?;
        chunk.get(at)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Arc<Node>> {
        let at = self.chunk_of(name);
        let chunk = Arc::make_mut(self.chunks.get_mut(at)?);
        let at = chunk.binary_search_by(|child| (*child.name).cmp(name)).ok()?;
        chunk.get_mut(at).map(|child| &mut child.node)
    }

    /// Adds a child whose name is not there yet.
    pub(super) fn insert(&mut self, name: &str, node: Arc<Node>) {
        self.insert_born(name, node, self.next_birth);
    }

    /// Adds a child at its place among its siblings' ages.
    pub(super) fn insert_born(&mut self, name: &str, node: Arc<Node>, birth: u64) {
        let at = self.chunk_of(name);
        let child = Child { name: name.into(), birth, node };
        self.next_birth = self.next_birth.max(birth + 1);
        self.names_len += Node::child_size(name);
        self.listing.take();
        let Some(chunk) = self.chunks.get_mut(at).map(Arc::make_mut) else {
            self.chunks.push(Arc::new(vec![child]));
            return;
        };
        let place = chunk.partition_point(|other| other.name < child.name);
        chunk.insert(place, child);
        if chunk.len() > CHUNK {
            let upper = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, Arc::new(upper));
        }
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<Node>> {
        let at = self.chunk_of(name);
        let chunk = self.chunks.get(at)?;
        let place = chunk.binary_search_by(|child| (*child.name).cmp(name)).ok()?;
        let chunk = Arc::make_mut(self.chunks.get_mut(at)?);
        let removed = chunk.remove(place);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.names_len -= Node::child_size(name);
        self.listing.take();
        Some(removed.node)
    }

    /// The children, oldest first.
    pub(super) fn in_order(&self) -> impl DoubleEndedIterator<Item = &Child> + use<'_> {
        let mut children: Vec<&Child> = self.chunks.iter().flat_map(|chunk| chunk.iter()).collect();
        children.sort_unstable_by_key(|child| child.birth);
        children.into_iter()
    }

    pub(super) fn listing(&self) -> Arc<[u8]> {
        let build = || {
            let mut names = Vec::with_capacity(self.names_len);
            for child in self.in_order() {
                names.extend_from_slice(child.name.as_bytes());
                names.push(0);
            }
            names.into()
        };
        Arc::clone(self.listing.get_or_init(build))
    }

    /// The nodes that nobody else holds, for taking a tree apart.
    pub(super) fn into_unshared(self) -> impl Iterator<Item = Node> {
        let chunks = self.chunks.into_iter().filter_map(Arc::into_inner);
        chunks.flatten().filter_map(|child| Arc::into_inner(child.node))
    }
}
