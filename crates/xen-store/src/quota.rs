//! Limits, with C xenstored's defaults (4.20, `hard_quotas[]` and `soft_quotas[]`), and what is counted against them.
//!
//! Only domains are limited; dom0 and sockets are counted and let through. `nodes` and `memory` follow the owner of a node, whoever wrote
//! it, and live in the tree, so that a snapshot holds its own counts and a commit cannot lose any. A limit of 0 is none (4.22).

use std::sync::Arc;

use xen_abi::DomId;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $field:ident = $wire:literal, $default:expr, $meaning:literal;)*) => {
        /// One limit, by its name in `xenstore-control quota` and GET_QUOTA.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit { $($(#[$doc])* $name,)* }

        impl Limit {
            /// Every limit, in the order in which they are listed.
            pub const ALL: &'static [Limit] = &[$(Limit::$name,)*];

            /// Its name in GET_QUOTA.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Limit::$name => $wire,)* }
            }

            /// What it bounds.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Limit::$name => $meaning,)* }
            }
        }

        /// The limits of one domain; `usize::MAX` for none.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Quota { $($(#[$doc])* pub $field: usize,)* }

        impl Default for Quota {
            fn default() -> Quota {
                Quota { $($field: $default,)* }
            }
        }

        impl Quota {
            /// A limit as it is told: 0 for none.
            #[must_use]
            pub fn get(&self, limit: Limit) -> u32 {
                let value = match limit { $(Limit::$name => self.$field,)* };
                if value == usize::MAX { 0 } else { u32::try_from(value).unwrap_or(u32::MAX) }
            }

            /// Sets a limit; 0 for none.
            pub fn set(&mut self, limit: Limit, value: u32) {
                let value = if value == 0 { usize::MAX } else { value as usize };
                match limit { $(Limit::$name => self.$field = value,)* }
            }
        }
    };
}

limits! {
    /// Nodes owned.
    Nodes: nodes = "nodes", 1000, "Nodes a domain may own";
    /// Watches. C 4.20 tests before it counts, so one more is let in.
    Watches: watches = "watches", 128, "Watches of a domain";
    /// Replies that the domain has not taken from its ring.
    Outstanding: outstanding = "outstanding", 20, "Replies a domain has not read";
    /// Bytes of nodes owned, watches and unread messages.
    Memory: memory = "memory", 2_621_440, "Bytes held for a domain";
    /// Bytes of the same at which the log names the domain.
    SoftMemory: memory_soft = "soft-memory", 2_097_152, "Bytes held for a domain at which the log says so";
    /// Open transactions. C 4.20 tests before it counts, so one more is let in.
    Transactions: transactions = "transactions", 10, "Open transactions of a domain";
    /// Requests in one transaction (C: nodes touched).
    TransactionNodes: transaction_nodes = "transaction-nodes", 1024, "Requests in a transaction";
    /// Entries in a permission list.
    NodePermissions: node_permissions = "node-permissions", 5, "Entries in a permission list";
    /// Bytes of a path, the domain's own directory not counted.
    PathMax: path_max = "path-max", crate::wire::REL_PATH_MAX, "Bytes of a path";
    /// Bytes of a node: value, children's names, permissions and header.
    NodeSize: node_size = "node-size", 2048, "Bytes of a node";
}

impl Limit {
    /// The limit of a name in GET_QUOTA.
    #[must_use]
    pub fn by_name(name: &[u8]) -> Option<Limit> {
        Limit::ALL.iter().copied().find(|limit| limit.name().as_bytes() == name)
    }

    /// Whether it only warns.
    #[must_use]
    pub fn is_soft(self) -> bool {
        self == Limit::SoftMemory
    }

    /// Its name in `quota-soft` and `quota`, which say by themselves which kind is meant.
    #[must_use]
    pub fn plain_name(self) -> &'static str {
        self.name().strip_prefix("soft-").unwrap_or(self.name())
    }
}

/// Limits that were set for one domain alone (SET_QUOTA, 4.22). What was not set follows the global limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnQuota {
    limits: Quota,
    own: Vec<Limit>,
}

impl OwnQuota {
    /// Nothing set yet.
    #[must_use]
    pub fn new(global: &Quota) -> OwnQuota {
        OwnQuota { limits: global.clone(), own: Vec::new() }
    }

    /// What holds for the domain.
    #[must_use]
    pub fn limits(&self) -> &Quota {
        &self.limits
    }

    /// The limits that are the domain's own.
    #[must_use]
    pub fn own(&self) -> &[Limit] {
        &self.own
    }

    /// Sets one for the domain alone.
    pub fn set(&mut self, limit: Limit, value: u32) {
        self.limits.set(limit, value);
        if !self.own.contains(&limit) {
            self.own.push(limit);
        }
    }

    /// A global limit was set.
    pub fn follow(&mut self, limit: Limit, value: u32) {
        if !self.own.contains(&limit) {
            self.limits.set(limit, value);
        }
    }
}

/// The most that was seen of what each limit bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peaks([u32; Limit::ALL.len()]);

impl Peaks {
    /// Notes what was seen.
    pub fn note(&mut self, limit: Limit, value: usize) {
        let value = u32::try_from(value).unwrap_or(u32::MAX);
        if let Some(peak) = self.0.get_mut(limit as usize) {
            *peak = value.max(*peak);
        }
    }

    /// Notes whatever others saw.
    pub fn join(&mut self, others: &Peaks) {
        for (peak, other) in self.0.iter_mut().zip(others.0) {
            *peak = other.max(*peak);
        }
    }

    /// The most that was seen.
    #[must_use]
    pub fn get(&self, limit: Limit) -> u32 {
        self.0.get(limit as usize).copied().unwrap_or_default()
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
