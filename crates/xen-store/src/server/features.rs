//! What the store offers to a domain: the feature word of its ring page, GET_FEATURE and SET_FEATURE (`XENSTORE_SERVER_FEATURE_*`, xs_wire.h
//! of 4.22.0).
//!
//! A toolstack masks features before it introduces a domain that comes from a host without them.

use xen_abi::DomId;

use super::Server;

/// The error word of the ring page means something.
pub const ERROR: u32 = 2;
/// WATCH takes a depth.
pub const WATCH_DEPTH: u32 = 4;
/// A permission list may name every domain at once.
pub const DOMID_ANY: u32 = 8;
/// What this store offers. Like C xenstored it does not offer reconnection (1), though it answers a guest that asks.
pub const OURS: u32 = ERROR | WATCH_DEPTH | DOMID_ANY;

impl Server {
    /// What a domain is offered: the feature word of its ring page.
    #[must_use]
    pub fn features_of(&self, domid: DomId) -> u32 {
        self.domains.get(domid).map_or(OURS, |domain| domain.features)
    }
}
