//! Ring logic against a hostile peer: what a backend does with pages that a guest may change at any moment.
//!
//! ```text
//!   role (xenith-console, ...)
//!        |  bytes, counts, typed errors
//!   ring protocol        console
//!        |  copies through accessors, each index read once and checked before use
//!   SharedPages          xen-sys, xen-sim
//! ```
//!
//! No sockets, no clock, no threads: a ring is a value over its page, and sending events is the role's business.

pub mod console;
