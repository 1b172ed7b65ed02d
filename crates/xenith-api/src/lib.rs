//! Versioned request and response types, the config model that users see, and a synchronous client.
//!
//! ```text
//!   v1/domain   DomainConfig (wanted)   Domain (observed)   CreateRequest, ShutdownRequest
//!   v1/host     Host, Root
//!   v1/problem  Problem: RFC 9457 with a stable code
//!   v1/routes   every path and method, once
//!   v1/form     what can be said of a config's values without looking at a host
//!   file/       a TOML file -> DomainConfig, or every complaint with its line; the table of keys, and the help made from it
//!   difference  where two configs differ
//!   openapi/    the document made from these types, the gate that keeps the promise, and the check of answers against it
//!   calendar    seconds since 1970 as a date
//!   client      the typed client, and its exchange over a Unix socket, here or over ssh
//!   latest      re-exports the newest version: handlers know only this
//! ```
//!
//! What a version said stays said: a change that an old client would notice is a new version's file.

pub mod calendar;
pub mod client;
pub mod difference;
pub mod file;
pub mod openapi;
pub mod v1;

/// The newest version.
pub use v1 as latest;
