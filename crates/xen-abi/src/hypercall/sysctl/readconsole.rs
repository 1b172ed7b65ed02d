//! `XEN_SYSCTL_readconsole`: Xen's own log, in chunks.

use super::{READCONSOLE, Request, body};
use crate::call::{Call, Operation, OperationError};
use crate::record::record;
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_sysctl_readconsole", size 24 {
        /// Not zero: forget what was read.
        CLEAR: u8 = "clear" @ 0;
        /// Not zero: begin at the index.
        INCREMENTAL: u8 = "incremental" @ 1;
        /// Where to begin; out: where the next read begins.
        INDEX: u32 = "index" @ 4;
        /// Where the text goes.
        BUFFER: u64 = "buffer" @ 8;
        /// Room in bytes; out: how many written.
        COUNT: u32 = "count" @ 16;
    }
}

/// The most bytes of one chunk.
pub const CHUNK_MAX: usize = 16 << 10;

/// A piece of Xen's log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsoleChunk {
    /// The bytes; text mostly, but nothing promises UTF-8.
    pub text: Vec<u8>,
    /// Where the next read begins.
    pub next_index: u32,
}

/// Reads up to [`CHUNK_MAX`] bytes of Xen's log, from an index of an earlier reply or from the oldest byte still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadConsole {
    /// Where to begin, or the oldest byte still there.
    pub from: Option<u32>,
}

impl Operation for ReadConsole {
    type Reply = ConsoleChunk;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        Request::new(release, READCONSOLE)?
            .with(&INCREMENTAL, self.from.is_some().into())?
            .with(&INDEX, self.from.unwrap_or(0).into())?
            .with(&COUNT, CHUNK_MAX as u64)?
            .call_with(vec![(&BUFFER, CHUNK_MAX)])
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<ConsoleChunk, OperationError> {
        let count = COUNT.get_u32(release, body(call)?)? as usize;
        let text = call.bytes(1).get(..count);
        let text = text.ok_or_else(|| OperationError::Malformed(format!("{count} bytes of log in room for {CHUNK_MAX}")))?;
        Ok(ConsoleChunk { text: text.to_vec(), next_index: INDEX.get_u32(release, body(call)?)? })
    }
}
