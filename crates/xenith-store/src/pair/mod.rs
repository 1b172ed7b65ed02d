//! What keeper and worker say to each other: records over a SOCK_SEQPACKET pair, a descriptor beside those that have one.
//!
//! ```text
//!   0       8        16
//!   | word  | number | text ...      little-endian, up to 8,208 bytes; one record is one message
//! ```
//!
//! Neither end blocks for the other. A record of another length, an unknown word, a missing or an additional descriptor is an error: the
//! keeper ends such a worker, and the worker ends without its keeper. Questions about domains go their own way: there the worker waits.

mod channel;
mod questions;
mod word;

pub use channel::{Channel, Received};
pub use questions::{Answers, Questions};
pub use word::{Message, Word};

impl From<rustix::io::Errno> for PairError {
    fn from(errno: rustix::io::Errno) -> PairError {
        PairError::Socket(errno.into())
    }
}

/// Why the other end cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The socket failed.
    #[error("store: {0}")]
    Socket(#[from] std::io::Error),
    /// The other end said something that has no meaning.
    #[error("store: the other process said {0}")]
    Nonsense(&'static str),
}
