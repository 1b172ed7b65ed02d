//! The console role: drains every domain's console, keeps its log, shows it to whoever looks.
//!
//! ```text
//!   serve      descriptors: socket, terminals, store, the end          serve/protocol says what is spoken on the socket
//!     |
//!   Console    a value that is turned: event channels, timers, queue   also driven by the simulator
//!     |   \
//!     |    nodes      whose consoles there are (xenstore); attach: from nodes to a session
//!   Session    one console: ring -> log -> viewers, keys -> ring
//!     |   |   \
//!     |  Log   History, Viewer      the last 64 KiB, and who has seen how much of it
//!     |        Allowance            a noisy console's share
//!   ConsoleRing (xen-backend)
//! ```
//!
//! Needs event channels and grant maps, and no right to make hypercalls or to map what was not granted. Killed at any moment it neither loses nor
//! repeats a byte of a log: [`log`] says how.

pub mod allowance;
mod attach;
pub mod config;
pub mod console;
pub mod history;
pub mod log;
mod nodes;
pub mod serve;
pub mod session;
#[cfg(test)]
mod tests;
pub mod viewers;

pub use config::Config;
pub use console::{Console, Means, Terminals, Turn};
pub use serve::{ServeError, serve};
