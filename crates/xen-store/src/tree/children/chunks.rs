//! Many children, in chunks that copies share.

use std::sync::{Arc, OnceLock};

use super::super::{Node, NodeRef};
use super::{CHUNK, List, make_room, place};

/// Chunks in the order of names, none of them empty.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    chunks: Vec<Arc<List>>,
    listing: OnceLock<Arc<[u8]>>,
}

impl Chunks {
    pub fn new(list: List) -> Chunks {
        let mut chunks = Chunks { chunks: vec![Arc::new(list)], listing: OnceLock::new() };
        chunks.split(0);
        chunks
    }

    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Index of the chunk where the name stands or would stand.
    fn index_of(&self, name: &str) -> usize {
        let starts_before = |chunk: &Arc<List>| chunk.first().is_some_and(|node| node.name_bytes() <= name.as_bytes());
        self.chunks.partition_point(starts_before).saturating_sub(1)
    }

    pub fn of(&self, name: &str) -> Option<&List> {
        self.chunks.get(self.index_of(name)).map(|chunk| &**chunk)
    }

    pub fn of_mut(&mut self, name: &str) -> Option<&mut List> {
        let at = self.index_of(name);
        self.chunks.get_mut(at).map(Arc::make_mut)
    }

    pub fn insert(&mut self, node: Node) {
        self.listing.take();
        let at = self.index_of(node.name());
        let Some(list) = self.chunks.get_mut(at).map(Arc::make_mut) else {
            self.chunks.push(Arc::new(vec![NodeRef::new(node)]));
            return;
        };
        make_room(list);
        let (Ok(place) | Err(place)) = place(list, node.name());
        list.insert(place, NodeRef::new(node));
        if list.len() > CHUNK {
            self.split(at);
        }
    }

    /// Makes two chunks of one, neither with more room than it needs: names that come in order never touch the first one again.
    fn split(&mut self, at: usize) {
        let Some(list) = self.chunks.get_mut(at).map(Arc::make_mut) else { return };
        let upper = list.split_off(list.len() / 2);
        list.shrink_to_fit();
        self.chunks.insert(at + 1, Arc::new(upper));
    }

    pub fn remove(&mut self, name: &str) -> Option<NodeRef> {
        let at = self.index_of(name);
        let place = place(self.chunks.get(at)?, name).ok()?;
        let list = Arc::make_mut(self.chunks.get_mut(at)?);
        let removed = list.remove(place);
        if list.is_empty() {
            self.chunks.remove(at);
        }
        self.listing.take();
        Some(removed)
    }

    pub fn iter(&self) -> impl Iterator<Item = &NodeRef> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub fn listing(&self, build: impl FnOnce() -> Arc<[u8]>) -> Arc<[u8]> {
        Arc::clone(self.listing.get_or_init(build))
    }

    pub fn into_unshared(self) -> impl Iterator<Item = NodeRef> {
        self.chunks.into_iter().filter_map(Arc::into_inner).flatten()
    }
}
