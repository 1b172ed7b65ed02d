//! GLOBAL_DATA: the descriptors that the next image finds open.

use super::cursor::Cursor;
use super::error::Result;

/// What says that there is no such descriptor.
const NONE: i32 = -1;

/// Descriptors of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GlobalRecord {
    /// The listening socket.
    pub socket_fd: Option<i32>,
    /// The event channel device.
    pub evtchn_fd: Option<i32>,
}

impl GlobalRecord {
    pub(super) fn decode(mut body: Cursor<'_>) -> Result<GlobalRecord> {
        let mut fd = || body.i32().map(|fd| (fd >= 0).then_some(fd));
        Ok(GlobalRecord { socket_fd: fd()?, evtchn_fd: fd()? })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for fd in [self.socket_fd, self.evtchn_fd] {
            out.extend_from_slice(&fd.unwrap_or(NONE).to_le_bytes());
        }
    }
}
