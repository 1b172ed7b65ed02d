//! Clients in the state image: themselves, what they are owed, what they asked and nobody has looked at, and their transactions.

use std::collections::VecDeque;

use xen_abi::{DomId, Gfn, Port};

use super::super::connection::Connection;
use super::super::{ConnId, ConnKind, Server};
use super::RingState;
use crate::image::{Image, ImageError, Kind, Reader, Record, Slot, Writer};

/// Bytes of input in one record: with what is said of it they fill a slot.
const PIECE: usize = 32 * 1024 - 32;

/// Input that the image holds.
#[derive(Debug)]
pub(super) struct Piece {
    /// Position behind it, counted from when the client connected.
    pub end: u64,
    pub slot: Slot,
}

/// What the state image holds of a client.
#[derive(Debug, Default)]
pub(in crate::server) struct Kept {
    pub(super) slot: Slot,
    pub(super) body: Vec<u8>,
    pub(super) input: VecDeque<Piece>,
    /// Records of what is gone.
    pub dead: Vec<Slot>,
}

impl Kept {
    /// Everything but frames and transactions that are still there.
    pub fn take_slots(&mut self) -> Vec<Slot> {
        let mut slots = std::mem::take(&mut self.dead);
        slots.push(std::mem::take(&mut self.slot));
        slots.extend(self.input.drain(..).map(|piece| piece.slot));
        slots
    }
}

impl Server {
    /// Keeps clients that were touched.
    pub(super) fn keep_connections(&mut self) {
        let Some(keeping) = &mut self.keeping else { return };
        let image = &mut keeping.image;
        for slot in self.connections.take_dead() {
            image.remove(slot);
        }
        for conn in self.connections.take_touched() {
            if let Some(connection) = self.connections.get_mut_quietly(&conn) {
                connection.touched = false;
                connection.keep(image, conn);
            }
        }
    }
}

impl Connection {
    fn keep(&mut self, image: &mut Image, conn: ConnId) {
        for slot in self.kept.dead.drain(..).chain(self.outbox.take_dead()) {
            image.remove(slot);
        }
        self.outbox.keep(|number, is_event, message| {
            let mut body = Writer::default();
            body.number(conn.0).number(number).flag(is_event).rest(message);
            image.put(Kind::Frame, body.bytes())
        });
        let begin = self.keep_input(image, conn);
        for (id, transaction) in &mut self.transactions {
            transaction.keep(image, conn, *id);
        }
        let body = encode(conn, self, begin);
        if self.kept.slot.is_none() || body.bytes() != self.kept.body.as_slice() {
            image.replace(&mut self.kept.slot, Kind::Connection, body.bytes());
            self.kept.body = body.bytes().to_vec();
        }
    }

    /// Keeps input that is not looked at. Gives the position where it begins; 0 where there is none.
    fn keep_input(&mut self, image: &mut Image, conn: ConnId) -> u64 {
        let mut unread = Vec::new();
        if let Some(request) = &self.parked {
            // It was parsed, so it can be encoded.
            let _ = request.encode(&mut unread);
        }
        let parked = unread.len();
        let len = (parked + self.pending_input().len()) as u64;
        let begin = self.pushed - len.min(self.pushed);
        while self.kept.input.front().is_some_and(|piece| len == 0 || piece.end <= begin) {
            image.remove(self.kept.input.pop_front().map(|piece| piece.slot).unwrap_or_default());
        }
        if len == 0 {
            return 0;
        }
        let covered = self.kept.input.back().map_or(begin, |piece| piece.end);
        if covered < self.pushed {
            unread.extend_from_slice(self.pending_input());
            let fresh = unread.get((covered - begin) as usize..).unwrap_or_default();
            let mut at = covered;
            for bytes in fresh.chunks(PIECE) {
                let mut body = Writer::default();
                body.number(conn.0).number(at).rest(bytes);
                at += bytes.len() as u64;
                self.kept.input.push_back(Piece { end: at, slot: image.put(Kind::Input, body.bytes()) });
            }
        }
        begin
    }
}

fn encode(conn: ConnId, connection: &Connection, begin: u64) -> Writer {
    let mut body = Writer::default();
    let kind = match connection.kind {
        ConnKind::Socket => 0,
        ConnKind::Ring(domid) => u32::from(domid.0) + 1,
    };
    body.number(conn.0).number(kind).flag(connection.broken).number(connection.next_transaction);
    body.size(connection.outbox.sent_of_first()).number(begin).flag(connection.ring.is_some());
    if let Some(ring) = connection.ring {
        let local = ring.local.map_or(0, |port| u64::from(port.0) + 1);
        body.number(ring.gfn.0).number(ring.remote.0).number(local);
        body.number(ring.req_cons).number(ring.rsp_prod).flag(ring.stalled);
    }
    body
}

/// A client that was kept, without what belongs to it.
pub(super) struct KeptConnection {
    pub conn: ConnId,
    pub connection: Connection,
    /// Bytes of its first frame that are sent.
    pub sent: usize,
}

pub(super) fn decode(record: &Record<'_>) -> Result<KeptConnection, ImageError> {
    let mut body = Reader::new(record.body);
    let conn = ConnId(body.number()?);
    let kind = match body.narrow::<u32>()?.checked_sub(1) {
        None => ConnKind::Socket,
        Some(domid) => ConnKind::Ring(DomId(u16::try_from(domid).map_err(|_| ImageError::Damaged("a ring has no domain"))?)),
    };
    let mut connection = Connection::new(kind);
    connection.broken = body.flag()?;
    connection.next_transaction = body.narrow()?;
    let (sent, begin) = (body.narrow()?, body.number()?);
    connection.ring = if body.flag()? { Some(decode_ring(&mut body)?) } else { None };
    connection.pushed = begin;
    connection.kept.slot = record.slot;
    connection.kept.body = record.body.to_vec();
    Ok(KeptConnection { conn, connection, sent })
}

fn decode_ring(body: &mut Reader<'_>) -> Result<RingState, ImageError> {
    Ok(RingState {
        gfn: Gfn(body.number()?),
        remote: Port(body.narrow()?),
        local: body.narrow::<u64>()?.checked_sub(1).and_then(|port| u32::try_from(port).ok()).map(Port),
        req_cons: body.narrow()?,
        rsp_prod: body.narrow()?,
        stalled: body.flag()?,
    })
}
