//! The documented stream of a store's whole state (docs/designs/xenstore-migration.md of Xen, versions 1 and 2): what one xenstored hands to
//! the next at a live update.
//!
//! ```text
//!   "xenstore" | version, big endian | flags: bit 0, the rest is big endian
//!   type | len | body, padded to 8 bytes         GLOBAL_DATA                    the descriptors that stay open
//!   type | len | body ...                        GLOBAL_QUOTA_DATA, DOMAIN_DATA limits                                    (4.22)
//!   ...                                          CONNECTION_DATA                who is connected and how, bytes under way
//!   END                                          WATCH_DATA, WATCH_DATA_EXTENDED its watches, in order
//!                                                TRANSACTION_DATA, NODE_DATA     open transactions, nodes parents first
//!
//!   bytes --> Reader --> Record      Record --> Writer --> bytes        what the records mean is `server::load` and `server::dump`
//! ```
//!
//! What C xenstored writes beyond and against the document, and why it matters here (`tools/xenstored` of 4.17, 4.20, 4.22):
//!
//! - A record's `len` counts the padding, and its reader steps by `len` alone. The writer here does the same; the reader takes both.
//! - The `@` nodes come before `/` in 4.17 and after everything in 4.20. The reader gives records in the order of the stream.
//! - 4.17 and 4.20 take version 1 alone, write no transaction and skip records that they do not know.
//! - 4.22.0 writes the first eight bytes of WATCH_DATA_EXTENDED without the depth and reads the path from the wrong offset: a watch with a
//!   depth must not be handed to it in that record.

mod connection;
mod cursor;
mod domain;
mod error;
mod global;
mod header;
mod node;
mod quota;
mod reader;
pub mod text;
mod transaction;
mod watch;
mod writer;

pub use connection::{ConnectionRecord, Peer};
pub use domain::DomainRecord;
pub use error::{Fault, StreamError};
pub use global::GlobalRecord;
pub use header::Version;
pub use node::{Access, NodePlace, NodeRecord, StreamPerm};
pub use quota::{GlobalQuotaRecord, QuotaValue};
pub use reader::Reader;
pub use transaction::TransactionRecord;
pub use watch::WatchRecord;
pub use writer::Writer;

/// One record, in the words of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The stream is whole.
    End,
    /// Descriptors of the process.
    Global(GlobalRecord),
    /// A client.
    Connection(ConnectionRecord),
    /// A watch; with a depth it needs version 2.
    Watch(WatchRecord),
    /// An open transaction.
    Transaction(TransactionRecord),
    /// A node, or what a transaction did to it.
    Node(NodeRecord),
    /// Limits of the whole store.
    GlobalQuota(GlobalQuotaRecord),
    /// Limits and features of a domain.
    Domain(DomainRecord),
    /// A type that nobody knows: skipped, as the C reader does.
    Unknown(u32),
}

/// Record types.
mod kind {
    pub const END: u32 = 0;
    pub const GLOBAL: u32 = 1;
    pub const CONNECTION: u32 = 2;
    pub const WATCH: u32 = 3;
    pub const TRANSACTION: u32 = 4;
    pub const NODE: u32 = 5;
    pub const GLOBAL_QUOTA: u32 = 6;
    pub const DOMAIN: u32 = 7;
    pub const WATCH_EXTENDED: u32 = 8;
}
