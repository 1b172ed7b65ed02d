//! CONNECTION_DATA: a client and the bytes under way between it and the store.

use xen_abi::{DomId, Port};

use super::cursor::{Cursor, length, padded};
use super::error::{Fault, Result};

const RING: u16 = 0;
const SOCKET: u16 = 1;
/// The record ends with a unique id.
const HAS_UNIQUE_ID: u16 = 1;

/// How a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A domain's ring, reached by grant 1 of its table; dom0's by its kernel.
    Ring {
        /// Whose ring.
        domid: DomId,
        /// The domain that it acts for.
        target: Option<DomId>,
        /// The store's own port, bound; 0 where it could not be bound.
        port: Port,
    },
    /// A socket of this process.
    Socket {
        /// Its descriptor.
        fd: i32,
    },
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// What the other records call it; never 0.
    pub id: u32,
    /// How it is connected.
    pub peer: Peer,
    /// Bytes read and not yet looked at: whole requests, the last one perhaps half.
    pub input: Vec<u8>,
    /// How many of the first unsent bytes are the rest of a message whose beginning is sent.
    pub half_sent: u16,
    /// Bytes to be sent, in their order.
    pub output: Vec<u8>,
    /// Which domain of this number it is (4.21 and later).
    pub unique_id: Option<u64>,
}

impl ConnectionRecord {
    pub(super) fn decode(mut body: Cursor<'_>) -> Result<ConnectionRecord> {
        let id = body.u32()?;
        if id == 0 {
            return Err(Fault::ConnectionZero);
        }
        let kind = body.u16()?;
        let fields = body.u16()?;
        let peer = decode_peer(kind, &mut body)?;
        let input_len = body.u16()?;
        let half_sent = body.u16()?;
        let output_len = body.u32()?;
        if u32::from(half_sent) > output_len {
            return Err(Fault::HalfReply { reply: half_sent, output: output_len });
        }
        let input = body.bytes(usize::from(input_len))?.to_vec();
        let output = body.bytes(output_len as usize)?.to_vec();
        body.align();
        let unique_id = (fields & HAS_UNIQUE_ID != 0).then(|| body.u64()).transpose()?;
        Ok(ConnectionRecord { id, peer, input, half_sent, output, unique_id })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        let start = out.len();
        if self.id == 0 {
            return Err(Fault::ConnectionZero);
        }
        let input_len: u16 = length(self.input.len(), usize::from(u16::MAX))?;
        let output_len: u32 = length(self.output.len(), u32::MAX as usize)?;
        let fields = if self.unique_id.is_some() { HAS_UNIQUE_ID } else { 0 };
        out.extend_from_slice(&self.id.to_le_bytes());
        encode_peer(self.peer, fields, out);
        out.extend_from_slice(&input_len.to_le_bytes());
        out.extend_from_slice(&self.half_sent.to_le_bytes());
        out.extend_from_slice(&output_len.to_le_bytes());
        out.extend_from_slice(&self.input);
        out.extend_from_slice(&self.output);
        if let Some(unique_id) = self.unique_id {
            out.resize(start + padded(out.len() - start), 0);
            out.extend_from_slice(&unique_id.to_le_bytes());
        }
        Ok(())
    }
}

fn decode_peer(kind: u16, body: &mut Cursor<'_>) -> Result<Peer> {
    match kind {
        RING => {
            let domid = DomId(body.u16()?);
            let target = DomId(body.u16()?);
            let port = Port(body.u32()?);
            Ok(Peer::Ring { domid, target: (target != DomId::INVALID).then_some(target), port })
        }
        SOCKET => {
            let fd = body.i32()?;
            body.bytes(4)?;
            Ok(Peer::Socket { fd })
        }
        other => Err(Fault::ConnectionType(other)),
    }
}

fn encode_peer(peer: Peer, fields: u16, out: &mut Vec<u8>) {
    let kind = match peer {
        Peer::Ring { .. } => RING,
        Peer::Socket { .. } => SOCKET,
    };
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&fields.to_le_bytes());
    match peer {
        Peer::Ring { domid, target, port } => {
            out.extend_from_slice(&domid.0.to_le_bytes());
            out.extend_from_slice(&target.unwrap_or(DomId::INVALID).0.to_le_bytes());
            out.extend_from_slice(&port.0.to_le_bytes());
        }
        Peer::Socket { fd } => {
            out.extend_from_slice(&fd.to_le_bytes());
            out.extend_from_slice(&[0; 4]);
        }
    }
}
