//! The seam: small transport traits split by privilege, version negotiation, and the typed facade over them.
//!
//! ```text
//!   engine, roles                          xen-guest
//!        |                                     |
//!        +--------> Xen (facade) <-------------+      release known, requests typed
//!                      |  Operation::encode / decode   (xen-abi)
//!        Hypercalls  ForeignMemory  EventChannels  GrantMaps  Dom0StoreRing
//!             |            |              |            |            |
//!             +------------+--- xen-sys or xen-sim ----+------------+
//! ```

pub mod seam;

pub use seam::{Access, Dom0StoreRing, EventChannels, ForeignMemory, GrantMaps, Hypercalls, MapError, Resource, SeamError, SharedPages};
