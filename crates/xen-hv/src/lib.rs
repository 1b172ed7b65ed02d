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

pub mod batch;
pub mod error;
pub mod negotiate;
pub mod seam;
pub mod stable;
pub mod trace;
pub mod xen;

pub use batch::{Batch, Replies, Ticket};
pub use error::{Cause, Error};
pub use negotiate::{NegotiateError, Negotiated, StableOnly, negotiate};
pub use seam::{
    Access, Dom0StoreRing, EventChannels, ForeignMemory, GrantMaps, Hypercalls, MAIL_COUNT, MAIL_HEADER, MapError, Resource, SeamError,
    SharedPages, SocketMail,
};
pub use stable::VersionInfo;
pub use trace::{Counts, Trace};
pub use xen::{CpuPools, Xen};
