//! Records into a stream. Always little endian, as every host is that Xen runs on.

use super::cursor::padded;
use super::error::{Fault, StreamError};
use super::header::{Header, Version};
use super::{Record, kind};

/// Collects a stream.
#[derive(Clone, Debug)]
pub struct Writer {
    out: Vec<u8>,
    version: Version,
}

impl Writer {
    /// A stream with its header.
    #[must_use]
    pub fn new(version: Version) -> Writer {
        Writer { out: Header::encode(version).to_vec(), version }
    }

    /// Appends a record. One that cannot be said leaves the stream as it was. [`Record::Unknown`] has no bytes and is left out.
    pub fn put(&mut self, record: &Record) -> Result<(), StreamError> {
        let at = self.out.len();
        self.append(record).map_err(|fault| {
            self.out.truncate(at);
            StreamError { at, fault }
        })
    }

    /// Ends the stream and gives it.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(&[0; 8]);
        self.out
    }

    fn append(&mut self, record: &Record) -> Result<(), Fault> {
        let Some(kind) = self.kind(record)? else { return Ok(()) };
        let start = self.out.len();
        self.out.extend_from_slice(&kind.to_le_bytes());
        self.out.extend_from_slice(&[0; 4]);
        let body = self.out.len();
        encode(record, &mut self.out)?;
        // C steps by the length alone, so it counts the padding.
        let len = padded(self.out.len() - body);
        self.out.resize(body + len, 0);
        let len = u32::try_from(len).map_err(|_| Fault::TooLong { len, max: u32::MAX as usize })?;
        let room = self.out.get_mut(start + 4..body).ok_or(Fault::Short)?;
        room.copy_from_slice(&len.to_le_bytes());
        Ok(())
    }

    fn kind(&self, record: &Record) -> Result<Option<u32>, Fault> {
        Ok(Some(match record {
            Record::End | Record::Unknown(_) => return Ok(None),
            Record::Global(_) => kind::GLOBAL,
            Record::Connection(_) => kind::CONNECTION,
            Record::Watch(watch) if watch.depth.is_none() => kind::WATCH,
            Record::Watch(_) if self.version < Version::V2 => return Err(Fault::NeedsVersion2),
            Record::Watch(_) => kind::WATCH_EXTENDED,
            Record::Transaction(_) => kind::TRANSACTION,
            Record::Node(_) => kind::NODE,
            Record::GlobalQuota(_) => kind::GLOBAL_QUOTA,
            Record::Domain(_) => kind::DOMAIN,
        }))
    }
}

fn encode(record: &Record, out: &mut Vec<u8>) -> Result<(), Fault> {
    match record {
        Record::End | Record::Unknown(_) => Ok(()),
        Record::Global(record) => {
            record.encode(out);
            Ok(())
        }
        Record::Transaction(record) => {
            record.encode(out);
            Ok(())
        }
        Record::Connection(record) => record.encode(out),
        Record::Watch(record) => record.encode(out),
        Record::Node(record) => record.encode(out),
        Record::GlobalQuota(record) => record.encode(out),
        Record::Domain(record) => record.encode(out),
    }
}
