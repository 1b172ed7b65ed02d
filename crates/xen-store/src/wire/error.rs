//! Error names (`xsd_errors[]`, xs_wire.h). An error crosses the wire as its NUL-ended name.

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident = $wire:literal;)*) => {
        /// What a server may answer instead of a reply. The order is the header's: old clients take an unknown name for the first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum XsError { $($(#[$doc])* #[error($wire)] $name,)* }

        impl XsError {
            /// Every error, in the order of the header.
            pub const ALL: &'static [XsError] = &[$(XsError::$name,)*];

            /// The name that is sent, without its NUL.
            pub const fn name(self) -> &'static str {
                match self { $(XsError::$name => $wire,)* }
            }
        }
    };
}

errors! {
    /// The request is malformed, or something else nobody has a word for.
    Invalid = "EINVAL";
    /// The sender may not do this, or may not know why not.
    Access = "EACCES";
    /// The same watch stands already.
    Exists = "EEXIST";
    /// Never sent by C xenstored.
    IsDirectory = "EISDIR";
    /// No such node, watch, transaction or domain.
    NoEntry = "ENOENT";
    /// The sender's memory quota is used up.
    NoMemory = "ENOMEM";
    /// A quota on nodes, permissions or transactions is used up.
    NoSpace = "ENOSPC";
    /// The store failed inside.
    Io = "EIO";
    /// Never sent by C xenstored.
    NotEmpty = "ENOTEMPTY";
    /// No such request.
    NoSystem = "ENOSYS";
    /// Never sent by C xenstored since the read-only socket went.
    ReadOnly = "EROFS";
    /// Transactions do not nest.
    Busy = "EBUSY";
    /// The transaction met another one: start again.
    Again = "EAGAIN";
    /// Never sent by C xenstored.
    IsConnected = "EISCONN";
    /// The reply would not fit, or the sender has too many watches.
    TooBig = "E2BIG";
    /// Only the tools may change a node's owner.
    NotPermitted = "EPERM";
}

impl XsError {
    /// The error of a name as sent, with or without its NUL; an unknown name is [`XsError::Invalid`], as in libxenstore.
    pub fn from_payload(payload: &[u8]) -> XsError {
        let name = payload.strip_suffix(&[0]).unwrap_or(payload);
        let known = XsError::ALL.iter().find(|error| error.name().as_bytes() == name);
        known.copied().unwrap_or(XsError::Invalid)
    }
}
