//! Messages out of bytes that arrive in any split.

use super::{HEADER_LEN, Header, Message, PAYLOAD_MAX};

/// A payload over the protocol's limit. One that was received leaves the stream without frame boundaries: it cannot be followed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("payload of {len} bytes is over the protocol's {PAYLOAD_MAX}")]
pub struct PayloadTooLong {
    /// Its length in bytes.
    pub len: u32,
}

impl PayloadTooLong {
    pub(crate) fn measured(len: usize) -> PayloadTooLong {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        PayloadTooLong { len }
    }
}

/// Takes bytes as they come and gives back whole messages. Its memory is what was pushed and not yet taken.
#[derive(Debug, Default)]
pub struct Parser {
    bytes: Vec<u8>,
    taken: usize,
}

impl Parser {
    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes pushed and not yet taken as part of a message.
    pub fn buffered(&self) -> usize {
        self.bytes.len() - self.taken
    }

    /// Those bytes themselves: what a saved state must carry.
    pub fn pending(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.taken = 0;
    }

    /// The next whole message, `None` when more bytes are needed. After an error the stream is lost.
    pub fn next_message(&mut self) -> Result<Option<Message>, PayloadTooLong> {
        let pending = self.bytes.get(self.taken..).unwrap_or_default();
        let Some((words, rest)) = pending.split_first_chunk::<HEADER_LEN>() else {
            return Ok(None);
        };
        let header = Header::decode(words);
        let len = header.len as usize;
        if len > PAYLOAD_MAX {
            return Err(PayloadTooLong { len: header.len });
        }
        let Some(payload) = rest.get(..len) else {
            return Ok(None);
        };
        let message = Message { kind: header.kind, req_id: header.req_id, tx_id: header.tx_id, payload: payload.to_vec() };
        self.taken += HEADER_LEN + len;
        Ok(Some(message))
    }
}
