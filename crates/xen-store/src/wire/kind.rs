//! Message types (`enum xsd_sockmsg_type`, xs_wire.h of 4.22.0).

macro_rules! message_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $wire:literal;)*) => {
        /// A message type that some Xen release knows. 20 (RESTRICT) is gone for good and must never be used again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum MsgType { $($(#[$doc])* $name,)* }

        impl MsgType {
            /// Every known type, in the order of their numbers.
            pub const ALL: &'static [MsgType] = &[$(MsgType::$name,)*];

            /// The number on the wire.
            pub const fn number(self) -> u32 {
                match self { $(MsgType::$name => $number,)* }
            }

            /// The type of a number on the wire; `None` for one that nobody knows.
            pub const fn from_number(number: u32) -> Option<MsgType> {
                match number { $($number => Some(MsgType::$name),)* _ => None }
            }

            /// The name in Xen's documents, for logs.
            pub const fn name(self) -> &'static str {
                match self { $(MsgType::$name => $wire,)* }
            }
        }
    };
}

message_types! {
    /// Administration by text commands (older name DEBUG).
    Control = 0, "CONTROL";
    /// List the children of a node.
    Directory = 1, "DIRECTORY";
    /// Read a value.
    Read = 2, "READ";
    /// Read a permission list.
    GetPerms = 3, "GET_PERMS";
    /// Register a watch.
    Watch = 4, "WATCH";
    /// Remove a watch.
    Unwatch = 5, "UNWATCH";
    /// Open a transaction.
    TransactionStart = 6, "TRANSACTION_START";
    /// Commit or drop a transaction.
    TransactionEnd = 7, "TRANSACTION_END";
    /// Connect a domain's ring.
    Introduce = 8, "INTRODUCE";
    /// Drop a domain's ring.
    Release = 9, "RELEASE";
    /// The home directory of a domid.
    GetDomainPath = 10, "GET_DOMAIN_PATH";
    /// Write a value, creating what is missing.
    Write = 11, "WRITE";
    /// Create an empty node where there is none.
    Mkdir = 12, "MKDIR";
    /// Remove a node and everything below it.
    Rm = 13, "RM";
    /// Replace a permission list.
    SetPerms = 14, "SET_PERMS";
    /// A watch fired; only ever sent by the server.
    WatchEvent = 15, "WATCH_EVENT";
    /// A request failed; only ever sent by the server.
    Error = 16, "ERROR";
    /// Ask whether a domid has a ring here.
    IsDomainIntroduced = 17, "IS_DOMAIN_INTRODUCED";
    /// Report the domain's next shutdown again.
    Resume = 18, "RESUME";
    /// Let a stub device model act as its target.
    SetTarget = 19, "SET_TARGET";
    /// Drop the sender's watches and transactions.
    ResetWatches = 21, "RESET_WATCHES";
    /// List children from a byte offset on.
    DirectoryPart = 22, "DIRECTORY_PART";
    /// Features offered to a domain (4.21).
    GetFeature = 23, "GET_FEATURE";
    /// Mask features before a domain is introduced (4.21).
    SetFeature = 24, "SET_FEATURE";
    /// Read a quota (4.22).
    GetQuota = 25, "GET_QUOTA";
    /// Set a quota (4.22).
    SetQuota = 26, "SET_QUOTA";
}
