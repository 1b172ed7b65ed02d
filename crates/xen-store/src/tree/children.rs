//! A node's children: found by name, listed by age, cheap to copy while shared.
//!
//! ```text
//!   few       [ a d k m x ]                             sorted by name, up to 64: most nodes have a handful
//!   many      [ Arc[a b d] | Arc[e k m] | Arc[n x] ]    the same in chunks of at most 64; a write copies one chunk
//!   listing   "x\0a\0m\0..."                            oldest first as in C xenstored; of many it is kept until a child comes or goes
//! ```

mod chunks;

use std::sync::Arc;

use super::{Node, NodeRef};
use chunks::Chunks;

/// Children in one list.
const CHUNK: usize = 64;

/// The children of one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Children {
    /// The store's generation when a child was last added or removed.
    pub generation: u64,
    next_birth: u64,
    names_len: usize,
    nodes: Nodes,
}

#[derive(Clone, Debug)]
enum Nodes {
    Few(List),
    Many(Box<Chunks>),
}

impl Default for Nodes {
    fn default() -> Nodes {
        Nodes::Few(List::new())
    }
}

/// Sorted by name.
type List = Vec<NodeRef>;

/// Where a name stands in a list, or where it would.
fn place(list: &List, name: &str) -> Result<usize, usize> {
    list.binary_search_by(|node| node.name_bytes().cmp(name.as_bytes()))
}

/// Makes room for one more without taking twice as much: lists hardly ever grow far.
fn make_room(list: &mut List) {
    if list.len() == list.capacity() {
        list.reserve_exact(3 + list.len() / 4);
    }
}

impl Children {
    pub fn is_empty(&self) -> bool {
        match &self.nodes {
            Nodes::Few(list) => list.is_empty(),
            Nodes::Many(chunks) => chunks.is_empty(),
        }
    }

    pub fn names_len(&self) -> usize {
        self.names_len
    }

    pub fn get(&self, name: &str) -> Option<&NodeRef> {
        let list = match &self.nodes {
            Nodes::Few(list) => list,
            Nodes::Many(chunks) => chunks.of(name)?,
        };
        list.get(place(list, name).ok()?)
    }

    pub fn get_mut(&mut self, name: &str) -> Option<&mut NodeRef> {
        let list = match &mut self.nodes {
            Nodes::Few(list) => list,
            Nodes::Many(chunks) => chunks.of_mut(name)?,
        };
        let at = place(list, name).ok()?;
        list.get_mut(at)
    }

    /// Adds a child whose name is not there yet.
    pub fn insert(&mut self, node: Node) {
        self.insert_born(node, self.next_birth);
    }

    /// Adds a child at its place among its siblings' ages.
    pub fn insert_born(&mut self, mut node: Node, birth: u64) {
        node.birth = birth;
        self.next_birth = self.next_birth.max(birth + 1);
        self.names_len += Node::child_size(node.name());
        match &mut self.nodes {
            Nodes::Few(list) => {
                make_room(list);
                let (Ok(at) | Err(at)) = place(list, node.name());
                list.insert(at, NodeRef::new(node));
                if list.len() > CHUNK {
                    self.nodes = Nodes::Many(Box::new(Chunks::new(std::mem::take(list))));
                }
            }
            Nodes::Many(chunks) => chunks.insert(node),
        }
    }

    pub fn remove(&mut self, name: &str) -> Option<NodeRef> {
        let removed = match &mut self.nodes {
            Nodes::Few(list) => place(list, name).ok().map(|at| list.remove(at)),
            Nodes::Many(chunks) => chunks.remove(name),
        }?;
        self.names_len -= Node::child_size(name);
        Some(removed)
    }

    /// The children, oldest first.
    pub fn in_order(&self) -> impl DoubleEndedIterator<Item = &NodeRef> + use<'_> {
        let mut nodes: Vec<&NodeRef> = match &self.nodes {
            Nodes::Few(list) => list.iter().collect(),
            Nodes::Many(chunks) => chunks.iter().collect(),
        };
        nodes.sort_unstable_by_key(|node| node.birth);
        nodes.into_iter()
    }

    pub fn listing(&self) -> Arc<[u8]> {
        let build = || {
            let mut names = Vec::with_capacity(self.names_len);
            for node in self.in_order() {
                names.extend_from_slice(node.name_bytes());
                names.push(0);
            }
            names.into()
        };
        match &self.nodes {
            Nodes::Few(_) => build(),
            Nodes::Many(chunks) => chunks.listing(build),
        }
    }

    /// The nodes that nobody else holds, for taking a tree apart.
    pub fn into_unshared(self) -> impl Iterator<Item = Node> {
        let (few, many) = match self.nodes {
            Nodes::Few(list) => (list, None),
            Nodes::Many(chunks) => (List::new(), Some(chunks)),
        };
        let many = many.into_iter().flat_map(|chunks| chunks.into_unshared());
        few.into_iter().chain(many).filter_map(|node| NodeRef::try_unwrap(node).ok())
    }
}
