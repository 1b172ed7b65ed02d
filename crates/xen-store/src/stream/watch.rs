//! WATCH_DATA, and WATCH_DATA_EXTENDED for a watch with a depth.

use super::cursor::{Cursor, put_string, string_length};
use super::error::Result;

/// The depth that means all levels.
const UNLIMITED: u16 = 0xffff;

/// A watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRecord {
    /// Whose watch.
    pub conn: u32,
    /// The path as the client said it: relative where it was.
    pub path: Box<[u8]>,
    /// The client's own bytes.
    pub token: Box<[u8]>,
    /// How many levels below the path count; `None` for all.
    pub depth: Option<u16>,
}

impl WatchRecord {
    pub(super) fn decode(mut body: Cursor<'_>, extended: bool) -> Result<WatchRecord> {
        let conn = body.u32()?;
        let path_len = usize::from(body.u16()?);
        let token_len = usize::from(body.u16()?);
        let depth = if extended { Some(body.u16()?).filter(|depth| *depth != UNLIMITED) } else { None };
        if extended {
            body.u16()?;
        }
        Ok(WatchRecord { conn, path: body.string(path_len)?, token: body.string(token_len)?, depth })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.conn.to_le_bytes());
        out.extend_from_slice(&string_length(&self.path)?.to_le_bytes());
        out.extend_from_slice(&string_length(&self.token)?.to_le_bytes());
        if let Some(depth) = self.depth {
            out.extend_from_slice(&u32::from(depth).to_le_bytes());
        }
        put_string(out, &self.path);
        put_string(out, &self.token);
        Ok(())
    }
}
