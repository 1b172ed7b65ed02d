//! The store's end of a ring, against a guest that writes whatever it likes into the shared page, between the store's looks at it too. Another
//! guest and a tool ask something after every move: each is answered in the very turn in which it asked, and in that turn the hostile guest gets
//! no more requests served than its share. What is measured are turns and requests, not time.
//!
//! ```text
//!   one byte    which move          then what it needs
//!   0, 1        a word of the page  offset, value: now, or when the store loads a word next
//!   2           bytes of the ring   where, how many, and what: with the producer moved along
//!   3, 4        a request           type, payload: whole, and as often as it fits (4)
//!   5           replies are taken
//!   6           the domain is introduced again
//! ```
#![no_main]

#[path = "../../crates/xenith-store/tests/common/mod.rs"]
mod common;

use std::cell::RefCell;
use std::collections::VecDeque;

use common::{CONNECTION, Guest, Host, Page, REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, ask, put_word};
use libfuzzer_sys::fuzz_target;
use xen_hv::SharedPages;
use xen_store::server::{ConnId, ConnKind};
use xen_store::wire::{self, MsgType};
use xenith_store::Store;

const HOSTILE: u16 = 5;
const OTHER: u16 = 6;
/// Rounds of a turn, and replies that a guest may leave unread: more requests than this nobody gets in one turn.
const SHARE: u64 = 16 * 20;

thread_local! {
    /// Words that change while the store looks.
    static PENDING: RefCell<VecDeque<(usize, u32)>> = const { RefCell::new(VecDeque::new()) };
}

fn change_one(bytes: &mut [u8]) {
    if let Some((offset, value)) = PENDING.with_borrow_mut(VecDeque::pop_front) {
        put_word(bytes, offset, value);
    }
}

/// What is left of the input; zeros after its end.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn half(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head
    }

    /// A word of the page that the store looks at, and something near or far for it.
    fn word(&mut self, page: &Page) -> (usize, u32) {
        let offset = [REQ_PROD, RSP_CONS, REQ_CONS, RSP_PROD, CONNECTION][usize::from(self.byte()) % 5];
        let by = self.half();
        let value = if by & 1 == 0 { page.word(offset).wrapping_add(u32::from(by >> 1)) } else { u32::from(by).wrapping_mul(0x1_0001) };
        (offset, value)
    }
}

fn put(page: &Page, bytes: &[u8]) {
    let producer = page.word(REQ_PROD);
    for (index, byte) in (0u32..).zip(bytes) {
        page.write((producer.wrapping_add(index) % 1024) as usize, &[*byte]).unwrap();
    }
    page.set_word(REQ_PROD, producer.wrapping_add(bytes.len() as u32));
}

fn request(input: &mut Input<'_>) -> Vec<u8> {
    let kind = MsgType::ALL[usize::from(input.byte()) % MsgType::ALL.len()];
    let len = usize::from(input.byte());
    let mut bytes = Vec::new();
    wire::encode(kind.number(), 1, u32::from(input.byte() % 3), input.bytes(len), &mut bytes).unwrap();
    bytes
}

fn introduce(store: &mut Store, tools: ConnId, domid: u16) {
    let reply = ask(store, tools, MsgType::Introduce, format!("{domid}\x000\x007\0").as_bytes());
    assert_eq!(reply.payload, b"OK\0");
}

fn served(store: &Store) -> u64 {
    let clients = store.server().report().clients;
    clients.iter().filter(|client| client.kind == ConnKind::Ring(xen_abi::DomId(HOSTILE))).map(|client| client.work.requests).sum()
}

fn hostile_move(input: &mut Input<'_>, page: &Page, store: &mut Store, tools: ConnId) {
    match input.byte() % 7 {
        0 => {
            let (offset, value) = input.word(page);
            page.set_word(offset, value);
        }
        1 => {
            let word = input.word(page);
            PENDING.with_borrow_mut(|pending| pending.push_back(word));
        }
        2 => {
            let len = usize::from(input.byte());
            put(page, input.bytes(len));
        }
        3 => put(page, &request(input)),
        4 => {
            let request = request(input);
            put(page, &request.repeat(1024 / request.len()));
        }
        5 => page.set_word(RSP_CONS, page.word(RSP_PROD)),
        _ => introduce(store, tools, HOSTILE),
    }
}

fuzz_target!(|data: &[u8]| {
    PENDING.with_borrow_mut(VecDeque::clear);
    let host = Host::new();
    let page = host.add_domain_with(HOSTILE, Page::hostile(change_one));
    let mut other = Guest::new(&host.add_domain(OTHER));
    let mut store = host.start().unwrap();
    let tools = store.connect();
    for domid in [HOSTILE, OTHER] {
        introduce(&mut store, tools, domid);
        let home = xen_store::path::domain(xen_abi::DomId(domid));
        ask(&mut store, tools, MsgType::Mkdir, format!("{}\0", home.root()).as_bytes());
        ask(&mut store, tools, MsgType::SetPerms, format!("{}\0n{domid}\0", home.root()).as_bytes());
    }
    assert_eq!(other.ask(&host, &mut store, OTHER, MsgType::Write, b"mine\0value").payload, b"OK\0");
    let mut read = Vec::new();
    wire::encode(MsgType::Read.number(), 9, 0, b"mine\0", &mut read).unwrap();
    let mut input = Input(data);
    while !input.0.is_empty() {
        hostile_move(&mut input, &page, &mut store, tools);
        let before = served(&store);
        other.put(&read);
        host.kick(HOSTILE);
        host.kick(OTHER);
        store.turn().unwrap();
        let replies = other.take();
        let answered = matches!(replies.as_slice(), [reply] if reply.req_id == 9 && reply.payload == b"value");
        assert!(answered, "the other guest was not answered in the turn in which it asked: {replies:?}");
        let share = served(&store).saturating_sub(before);
        assert!(share <= SHARE, "the hostile guest had {share} requests served in one turn");
        assert_eq!(ask(&mut store, tools, MsgType::Control, b"check\0").payload, b"OK\0");
    }
});
