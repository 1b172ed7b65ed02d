//! The differences that are meant, by the names of docs/interfaces/xenstore.md.

use xen_store::wire::MsgType;

/// What one store said to a request.
pub type Answer = (u32, Vec<u8>);

/// A difference that is meant: its name, and whether these answers are an instance of it.
pub struct Allowed {
    pub name: &'static str,
    /// Request, ours, theirs.
    pub is: fn(MsgType, &Answer, &Answer) -> bool,
}

/// Every one of them.
pub const ALLOWED: [Allowed; 3] = [
    // The pair then runs the same transaction again where it was refused: every reply must be what it was.
    Allowed {
        name: "conflict-by-reply",
        is: |kind, ours, theirs| {
            let refused = |one: &Answer, other: &Answer| one.1 == b"EAGAIN\0" && other.1 == b"OK\0";
            kind == MsgType::TransactionEnd && (refused(ours, theirs) || refused(theirs, ours))
        },
    },
    Allowed {
        name: "listing-generation",
        is: |kind, ours, theirs| kind == MsgType::DirectoryPart && ours.0 == theirs.0 && after_generation(ours) == after_generation(theirs),
    },
    Allowed {
        name: "newer-messages",
        is: |kind, _, theirs| matches!(kind, MsgType::GetFeature | MsgType::GetQuota) && theirs.1 == b"ENOSYS\0",
    },
];

fn after_generation(answer: &Answer) -> Option<&[u8]> {
    let end = answer.1.iter().position(|byte| *byte == 0)?;
    (answer.0 == MsgType::DirectoryPart.number()).then_some(&answer.1[end..])
}
