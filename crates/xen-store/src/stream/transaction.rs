//! TRANSACTION_DATA: an open transaction. No C xenstored writes it, and all skip it.

use super::cursor::Cursor;
use super::error::Result;

/// An open transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionRecord {
    /// Whose.
    pub conn: u32,
    /// The id that the client knows.
    pub tx_id: u32,
}

impl TransactionRecord {
    pub(super) fn decode(mut body: Cursor<'_>) -> Result<TransactionRecord> {
        Ok(TransactionRecord { conn: body.u32()?, tx_id: body.u32()? })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.conn.to_le_bytes());
        out.extend_from_slice(&self.tx_id.to_le_bytes());
    }
}
