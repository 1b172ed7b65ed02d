//! The client's end of a store ring: messages out and in, with no opinion of them.
//!
//! ```text
//!   send(kind, payload) -> queue -> request ring (as much as fits) -> notice
//!   reply ring -> bytes -> next() : kind, request id, payload
//! ```
//!
//! A message may be longer than the ring, so both ways it goes in pieces (public/io/xs_wire.h).

use std::collections::VecDeque;

use xen_abi::Port;
use xen_abi::io::xenstore as abi;

use super::{Ring, place};

const REQUESTS: usize = place(&abi::REQUESTS);
const REPLIES: usize = place(&abi::REPLIES);
const REQ_CONS: usize = place(&abi::REQ_CONS);
const REQ_PROD: usize = place(&abi::REQ_PROD);
const RSP_CONS: usize = place(&abi::RSP_CONS);
const RSP_PROD: usize = place(&abi::RSP_PROD);
const CONNECTION: usize = place(&abi::CONNECTION);
/// Bytes of a message's header: type, request, transaction, length.
const HEADER: usize = 16;
/// What a hostile guest adds to an index.
const ABSURD: u32 = 0x0001_0000;

/// A message from the store: type, request id, payload.
pub(crate) type Message = (u32, u32, Vec<u8>);

/// The ring and what waits on both sides of it.
pub(crate) struct Wire {
    ring: Ring,
    next_id: u32,
    out: VecDeque<u8>,
    input: Vec<u8>,
    notice: bool,
}

impl Wire {
    pub(crate) fn new(ring: Ring) -> Wire {
        Wire { ring, next_id: 1, out: VecDeque::new(), input: Vec::new(), notice: false }
    }

    /// Whether the store has not asked us to wait.
    pub(super) fn is_connected(&self) -> bool {
        self.ring.page.load_u32(CONNECTION) == abi::CONNECTED
    }

    /// Puts an impossible index into the ring.
    pub(super) fn break_indices(&mut self) {
        let page = &self.ring.page;
        page.store_u32(REQ_PROD, page.load_u32(REQ_CONS).wrapping_add(ABSURD));
        self.notice = true;
    }

    /// The port to notify, once after something moved.
    pub(crate) fn take_notice(&mut self) -> Option<Port> {
        std::mem::take(&mut self.notice).then_some(self.ring.port)
    }

    /// Queues a request outside any transaction and gives its id.
    pub(crate) fn send(&mut self, kind: u32, payload: &[u8]) -> u32 {
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        for word in [kind, id, 0, payload.len() as u32] {
            self.out.extend(word.to_le_bytes());
        }
        self.out.extend(payload);
        id
    }

    /// Moves what can move both ways.
    pub(crate) fn pump(&mut self) {
        self.transmit();
        self.receive();
    }

    fn transmit(&mut self) {
        let page = &self.ring.page;
        let (cons, mut prod) = (page.load_u32(REQ_CONS), page.load_u32(REQ_PROD));
        while prod.wrapping_sub(cons) < abi::RING_SIZE {
            let Some(byte) = self.out.pop_front() else { break };
            page.write(REQUESTS + (prod % abi::RING_SIZE) as usize, &[byte]);
            prod = prod.wrapping_add(1);
            self.notice = true;
        }
        page.store_u32(REQ_PROD, prod);
    }

    fn receive(&mut self) {
        let page = &self.ring.page;
        let (mut cons, prod) = (page.load_u32(RSP_CONS), page.load_u32(RSP_PROD));
        if prod.wrapping_sub(cons) > abi::RING_SIZE {
            return;
        }
        while cons != prod {
            let mut byte = [0];
            page.read(REPLIES + (cons % abi::RING_SIZE) as usize, &mut byte);
            self.input.extend(byte);
            cons = cons.wrapping_add(1);
            self.notice = true;
        }
        page.store_u32(RSP_CONS, cons);
    }

    /// The next whole message.
    pub(crate) fn next(&mut self) -> Option<Message> {
        let word = |index: usize| {
            self.input.get(index * 4..index * 4 + 4).map(|bytes| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte)))
        };
        let (kind, id, length) = (word(0)?, word(1)?, word(3)? as usize);
        let payload = self.input.get(HEADER..HEADER + length)?.to_vec();
        self.input.drain(..HEADER + length);
        Some((kind, id, payload))
    }
}
