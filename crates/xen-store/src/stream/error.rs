//! Why a stream cannot be read or written.

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The first eight bytes are not the stream's name.
    #[error("it does not begin with \"xenstore\"")]
    Ident,
    /// A version other than 1 and 2.
    #[error("it has version {0}, and versions 1 and 2 are known")]
    Version(u32),
    /// A flag that means nothing yet.
    #[error("its flags are {0:#x}, and bit 0 alone has a meaning")]
    Flags(u32),
    /// A field or a length reaches past the record or the stream.
    #[error("it ends early")]
    Short,
    /// The stream ended without an END record.
    #[error("it has no END record")]
    Unended,
    /// A record that needs version 2 in a stream of version 1.
    #[error("the record needs version 2")]
    NeedsVersion2,
    /// A string's last byte is not NUL, or it holds another.
    #[error("a string does not end with its only NUL")]
    String,
    /// A connection id of 0, which means none.
    #[error("a connection has id 0")]
    ConnectionZero,
    /// A connection type that nobody knows.
    #[error("connection type {0} is unknown")]
    ConnectionType(u16),
    /// The half-sent reply is longer than everything unsent.
    #[error("a half-sent reply of {reply} bytes is part of {output} unsent bytes")]
    HalfReply {
        /// Bytes of the reply.
        reply: u16,
        /// Bytes of everything unsent.
        output: u32,
    },
    /// A permission letter that nobody knows.
    #[error("permission {0:#x} is none of n, r, w, b")]
    Permission(u8),
    /// A committed node that nobody owns.
    #[error("a node has no owner")]
    NoOwner,
    /// A field of the record cannot hold this length.
    #[error("a field of {len} bytes is over the record's {max}")]
    TooLong {
        /// Bytes that it has.
        len: usize,
        /// Bytes that can be said.
        max: usize,
    },
}

/// A fault and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("store stream, byte {at}: {fault}")]
pub struct StreamError {
    /// Where the record begins, in bytes from the start of the stream.
    pub at: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// Reading or writing one record.
pub(super) type Result<T> = std::result::Result<T, Fault>;
