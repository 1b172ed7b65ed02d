//! The xenstore wire: what crosses a ring or a socket, and nothing of what it means.
//!
//! ```text
//!   0       4        8       12      16                16 + len
//!   +-------+--------+-------+-------+-----------------+
//!   | type  | req_id | tx_id |  len  | payload         |   all words little endian (native on every Xen host)
//!   +-------+--------+-------+-------+-----------------+
//!                                      len <= 4096, both ways
//!
//!   bytes in any split --> Parser --> Message      Message --> encode() --> bytes
//! ```
//!
//! Source of every number: `xen/include/public/io/xs_wire.h`, 4.22.0; types that a release lacks are answered with ENOSYS.

mod error;
mod kind;
mod parser;

pub use error::XsError;
pub use kind::MsgType;
pub use parser::{Parser, PayloadTooLong};

/// Longest payload of a request, a reply or an event, in bytes (`XENSTORE_PAYLOAD_MAX`).
pub const PAYLOAD_MAX: usize = 4096;
/// Length of the message header in bytes (`struct xsd_sockmsg`).
pub const HEADER_LEN: usize = 16;
/// Longest absolute path in bytes (`XENSTORE_ABS_PATH_MAX`).
pub const ABS_PATH_MAX: usize = 3072;
/// Longest path relative to a domain's own directory, in bytes (`XENSTORE_REL_PATH_MAX`).
pub const REL_PATH_MAX: usize = 2048;

/// The four words in front of every payload (`struct xsd_sockmsg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Message type as it was sent: may be a number nobody knows.
    pub kind: u32,
    /// The client's own number, echoed in the reply; 0 in events.
    pub req_id: u32,
    /// Transaction, 0 for none.
    pub tx_id: u32,
    /// Bytes of payload that follow.
    pub len: u32,
}

impl Header {
    /// Reads the four words.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Header {
        let mut words = bytes.chunks_exact(4).map(|word| word.iter().rev().fold(0u32, |value, byte| value << 8 | u32::from(*byte)));
        let mut next = || words.next().unwrap_or_default();
        Header { kind: next(), req_id: next(), tx_id: next(), len: next() }
    }

    /// Writes the four words.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let words = [self.kind, self.req_id, self.tx_id, self.len];
        for (chunk, word) in bytes.chunks_exact_mut(4).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// One whole message, either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Message type as it was sent: may be a number nobody knows.
    pub kind: u32,
    /// The client's own number, echoed in the reply; 0 in events.
    pub req_id: u32,
    /// Transaction, 0 for none.
    pub tx_id: u32,
    /// At most [`PAYLOAD_MAX`] bytes.
    pub payload: Vec<u8>,
}

impl Message {
    /// Appends the message to `out`. A payload above [`PAYLOAD_MAX`] would break the peer's stream, so it is refused.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), PayloadTooLong> {
        encode(self.kind, self.req_id, self.tx_id, &self.payload, out)
    }
}

/// Appends one message to `out` without building a [`Message`] first.
pub fn encode(kind: u32, req_id: u32, tx_id: u32, payload: &[u8], out: &mut Vec<u8>) -> Result<(), PayloadTooLong> {
    let len = match u32::try_from(payload.len()) {
        Ok(len) if payload.len() <= PAYLOAD_MAX => len,
        _ => return Err(PayloadTooLong::measured(payload.len())),
    };
    let header = Header { kind, req_id, tx_id, len };
    out.reserve(HEADER_LEN + payload.len());
    out.extend_from_slice(&header.encode());
    out.extend_from_slice(payload);
    Ok(())
}

/// The NUL-ended strings of a payload, without their NULs; bytes after the last NUL are left out, as in C xenstored.
pub fn strings(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ended = payload.iter().rposition(|byte| *byte == 0).and_then(|last| payload.get(..last));
    ended.into_iter().flat_map(|body| body.split(|byte| *byte == 0))
}

/// The only string of a payload that must be exactly one NUL-ended string.
pub fn one_string(payload: &[u8]) -> Option<&[u8]> {
    match payload.split_last() {
        Some((0, body)) if !body.contains(&0) => Some(body),
        _ => None,
    }
}
