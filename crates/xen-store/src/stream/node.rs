//! NODE_DATA: a node of the tree, or what an open transaction did to one.

use xen_abi::DomId;

use super::cursor::{Cursor, length, put_string, string_length};
use super::error::{Fault, Result};
use crate::perms::{Perm, Rights};

const READ: u16 = 1;
const WRITTEN: u16 = 2;
/// The entry counts for nothing: it is older than the domain that has its number now.
const STALE: u8 = 1;
/// Bytes of an entry.
const PERM_LEN: usize = 4;

/// What a transaction did to a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// It depends on what was there.
    pub read: bool,
    /// It changed value or permissions.
    pub written: bool,
}

/// Which tree a record speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodePlace {
    /// The one that everybody sees.
    Committed,
    /// An open transaction's.
    Pending {
        /// Whose transaction.
        conn: u32,
        /// The id that the client knows.
        tx_id: u32,
        /// What it did; neither for a node that it deleted.
        access: Access,
    },
}

/// One entry of a permission list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPerm {
    /// The entry.
    pub perm: Perm,
    /// It counts for nothing.
    pub stale: bool,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRecord {
    /// Which tree it is in.
    pub place: NodePlace,
    /// The owner first; empty for a node that a transaction deleted.
    pub perms: Vec<StreamPerm>,
    /// Absolute path.
    pub path: Box<[u8]>,
    /// Any bytes.
    pub value: Box<[u8]>,
}

impl NodeRecord {
    pub(super) fn decode(mut body: Cursor<'_>) -> Result<NodeRecord> {
        let conn = body.u32()?;
        let tx_id = body.u32()?;
        let path_len = usize::from(body.u16()?);
        let value_len = usize::from(body.u16()?);
        let access = body.u16()?;
        let perm_count = usize::from(body.u16()?);
        let access = Access { read: access & READ != 0, written: access & WRITTEN != 0 };
        let place = if conn == 0 { NodePlace::Committed } else { NodePlace::Pending { conn, tx_id, access } };
        if perm_count == 0 && place == NodePlace::Committed {
            return Err(Fault::NoOwner);
        }
        let perms = body.bytes(perm_count * PERM_LEN)?;
        let mut entries = body.again(perms);
        let perms = (0..perm_count).map(|_| StreamPerm::decode(&mut entries)).collect::<Result<_>>()?;
        Ok(NodeRecord { place, perms, path: body.string(path_len)?, value: body.bytes(value_len)?.into() })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        let (conn, tx_id, access) = match self.place {
            NodePlace::Committed => (0, 0, Access { read: false, written: false }),
            NodePlace::Pending { conn: 0, .. } => return Err(Fault::ConnectionZero),
            NodePlace::Pending { conn, tx_id, access } => (conn, tx_id, access),
        };
        let max = usize::from(u16::MAX);
        let access = if access.read { READ } else { 0 } | if access.written { WRITTEN } else { 0 };
        if self.perms.is_empty() && self.place == NodePlace::Committed {
            return Err(Fault::NoOwner);
        }
        out.extend_from_slice(&conn.to_le_bytes());
        out.extend_from_slice(&tx_id.to_le_bytes());
        for field in [string_length(&self.path)?, length(self.value.len(), max)?, access, length(self.perms.len(), max)?] {
            out.extend_from_slice(&field.to_le_bytes());
        }
        self.perms.iter().for_each(|perm| perm.encode(out));
        put_string(out, &self.path);
        out.extend_from_slice(&self.value);
        Ok(())
    }
}

impl StreamPerm {
    fn decode(body: &mut Cursor<'_>) -> Result<StreamPerm> {
        let letter = body.u8()?;
        let flags = body.u8()?;
        let rights = Rights::from_letter(letter).ok_or(Fault::Permission(letter))?;
        Ok(StreamPerm { perm: Perm::new(DomId(body.u16()?), rights), stale: flags & STALE != 0 })
    }

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.perm.rights.letter(), if self.stale { STALE } else { 0 }]);
        out.extend_from_slice(&self.perm.domid.0.to_le_bytes());
    }
}
