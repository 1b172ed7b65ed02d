//! Xenstore: wire codec, immutable tree, permissions, quotas, transactions, watches, a server core and a client.
//!
//! ```text
//!                 bytes                                                       bytes
//!   client  ----------------->  wire  -->  server  -->  tree                <-------  ring or socket shell (crate xenith-store, xen-sim)
//!   (any Transport)                          |  \-->  watch trie
//!                                            |---->  transactions
//!                                            \---->  effects: map a ring, look at a domain, close a socket   (values; the shell acts)
//! ```
//!
//! What must outlive the process is kept in the [`image`]: [`server::Server::keep`], [`server::Server::commit`], [`server::Server::recover`].
//!
//! The server core takes bytes and gives bytes: no sockets, no rings, no clock, no threads. Paths are spelled in [`path`] and nowhere else.

pub mod client;
pub mod image;
pub mod path;
pub mod perms;
pub mod quota;
pub mod server;
pub mod stream;
pub mod tree;
pub mod watch;
pub mod wire;
