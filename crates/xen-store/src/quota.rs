//! Limits, with C xenstored's defaults (4.20, `hard_quotas[]`), and what is counted against them.
//!
//! Only domains are limited; dom0 and sockets are counted and let through. `nodes` and `memory` follow the owner of a node, whoever wrote
//! it, and live in the tree, so that a snapshot holds its own counts and a commit cannot lose any.

use std::sync::Arc;

use xen_abi::DomId;

/// The limits of one domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Nodes owned.
    pub nodes: u32,
    /// Watches. C tests before it counts, so one more is let in.
    pub watches: usize,
    /// Replies that the domain has not taken from its ring.
    pub outstanding: usize,
    /// Bytes of nodes owned, watches and unread messages.
    pub memory: u64,
    /// Open transactions. C tests before it counts, so one more is let in.
    pub transactions: usize,
    /// Requests in one transaction (C: nodes touched).
    pub transaction_nodes: usize,
    /// Entries in a permission list.
    pub node_permissions: usize,
    /// Bytes of a path, the domain's own directory not counted.
    pub path_max: usize,
    /// Bytes of a node: value, children's names, permissions and header.
    pub node_size: usize,
}

impl Default for Quota {
    fn default() -> Quota {
        Quota {
            nodes: 1000,
            watches: 128,
            outstanding: 20,
            memory: 2_621_440,
            transactions: 10,
            transaction_nodes: 1024,
            node_permissions: 5,
            path_max: crate::wire::REL_PATH_MAX,
            node_size: 2048,
        }
    }
}

impl Quota {
    /// Name, limit and meaning of each, in the words of `xenstore-control quota`.
    #[must_use]
    pub fn table(&self) -> [(&'static str, u64, &'static str); 9] {
        let size = |value: usize| value as u64;
        [
            ("nodes", u64::from(self.nodes), "Nodes a domain may own"),
            ("watches", size(self.watches), "Watches of a domain"),
            ("outstanding", size(self.outstanding), "Replies a domain has not read"),
            ("memory", self.memory, "Bytes held for a domain"),
            ("transactions", size(self.transactions), "Open transactions of a domain"),
            ("transaction-nodes", size(self.transaction_nodes), "Requests in a transaction"),
            ("node-permissions", size(self.node_permissions), "Entries in a permission list"),
            ("path-max", size(self.path_max), "Bytes of a path"),
            ("node-size", size(self.node_size), "Bytes of a node"),
        ]
    }
}

/// What one domain's nodes amount to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Nodes owned.
    pub nodes: u32,
    /// Bytes of them, as [`crate::tree::Node::size`] counts, and of their paths.
    pub memory: u64,
}

/// Domains in one chunk; with ten thousand domains a snapshot copies 160 pointers.
const CHUNK: usize = 64;

/// The accounts of all domains, cheap to copy: chunks are shared until one is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(Arc<Vec<Arc<[Account; CHUNK]>>>);

impl Accounts {
    /// What a domain's nodes amount to.
    #[must_use]
    pub fn get(&self, domid: DomId) -> Account {
        let (chunk, slot) = place(domid);
        let account = self.0.get(chunk).and_then(|chunk| chunk.get(slot));
        account.copied().unwrap_or_default()
    }

    /// Changes what a domain's nodes amount to.
    pub(crate) fn change(&mut self, domid: DomId, change: impl FnOnce(&mut Account)) {
        let (chunk, slot) = place(domid);
        let chunks = Arc::make_mut(&mut self.0);
        if chunks.len() <= chunk {
            chunks.resize_with(chunk + 1, || Arc::new([Account::default(); CHUNK]));
        }
        let account = chunks.get_mut(chunk).and_then(|chunk| Arc::make_mut(chunk).get_mut(slot));
        if let Some(account) = account {
            change(account);
        }
    }

    /// Every domain that owns something.
    pub fn iter(&self) -> impl Iterator<Item = (DomId, Account)> + '_ {
        let all = self.0.iter().flat_map(|chunk| chunk.iter());
        all.zip(0..=u16::MAX).filter(|(account, _)| **account != Account::default()).map(|(account, domid)| (DomId(domid), *account))
    }
}

fn place(domid: DomId) -> (usize, usize) {
    let index = usize::from(domid.0);
    (index / CHUNK, index % CHUNK)
}
