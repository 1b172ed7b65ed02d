//! Records out of a stream.

use super::cursor::{Cursor, padded};
use super::error::{Fault, StreamError};
use super::header::{self, Header, Version};
use super::{ConnectionRecord, DomainRecord, GlobalQuotaRecord, GlobalRecord, NodeRecord, Record, TransactionRecord, WatchRecord, kind};

/// Gives the records of a stream in their order, END the last. After an error it gives nothing more.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    stream: &'a [u8],
    header: Header,
    at: usize,
    ended: bool,
}

impl<'a> Reader<'a> {
    /// Looks at the header.
    pub fn new(stream: &'a [u8]) -> Result<Reader<'a>, StreamError> {
        let header = Header::decode(stream).map_err(|fault| StreamError { at: 0, fault })?;
        Ok(Reader { stream, header, at: header::LEN, ended: false })
    }

    /// The version of the stream.
    #[must_use]
    pub fn version(&self) -> Version {
        self.header.version
    }

    /// Bytes from the start of the stream to the next record.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    fn next_record(&mut self) -> Result<Record, Fault> {
        let rest = self.stream.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Err(Fault::Unended);
        }
        let mut cursor = Cursor::new(rest, self.header.big_endian);
        let kind = cursor.u32()?;
        let len = cursor.u32()? as usize;
        let body = Cursor::new(cursor.bytes(len)?, self.header.big_endian);
        // The padding of the last record may be missing: END, its only candidate, has none.
        self.at += 8 + padded(len);
        self.record(kind, body)
    }

    fn record(&self, kind: u32, body: Cursor<'_>) -> Result<Record, Fault> {
        Ok(match kind {
            kind::END => Record::End,
            kind::GLOBAL => Record::Global(GlobalRecord::decode(body)?),
            kind::CONNECTION => Record::Connection(ConnectionRecord::decode(body)?),
            kind::WATCH => Record::Watch(WatchRecord::decode(body, false)?),
            kind::WATCH_EXTENDED if self.header.version < Version::V2 => return Err(Fault::NeedsVersion2),
            kind::WATCH_EXTENDED => Record::Watch(WatchRecord::decode(body, true)?),
            kind::TRANSACTION => Record::Transaction(TransactionRecord::decode(body)?),
            kind::NODE => Record::Node(NodeRecord::decode(body)?),
            kind::GLOBAL_QUOTA => Record::GlobalQuota(GlobalQuotaRecord::decode(body)?),
            kind::DOMAIN => Record::Domain(DomainRecord::decode(body)?),
            other => Record::Unknown(other),
        })
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Record, StreamError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let at = self.at;
        let record = self.next_record().map_err(|fault| StreamError { at, fault });
        self.ended = !matches!(record, Ok(ref record) if *record != Record::End);
        Some(record)
    }
}
