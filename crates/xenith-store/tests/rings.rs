//! Rings, event channels and domains, on a host in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use common::{CONNECTION, ERROR, FEATURES, Guest, Host, Page, REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD, ask, put_word, word};
use xen_abi::{DomId, Gfn, Port};
use xen_hv::SharedPages;
use xen_store::server::DomainState;
use xen_store::wire::{self, MsgType};
use xenith_store::{BootNodes, Changed, Claims, DomainStates, Seams, Store, StoreError};

/// A store with a domain introduced.
fn with_domain(domid: u16) -> (Host, Store, Guest) {
    with_page(domid, Page::new())
}

fn with_page(domid: u16, page: Page) -> (Host, Store, Guest) {
    let host = Host::new();
    let page = host.add_domain_with(domid, page);
    let mut store = host.start().unwrap();
    introduce(&mut store, domid, 0, 7);
    (host, store, Guest::new(&page))
}

fn introduce(store: &mut Store, domid: u16, gfn: u64, port: u32) {
    let tools = store.connect();
    let reply = ask(store, tools, MsgType::Introduce, format!("{domid}\0{gfn}\0{port}\0").as_bytes());
    assert_eq!(reply.payload, b"OK\0");
    let home = format!("/local/domain/{domid}\0");
    ask(store, tools, MsgType::Mkdir, home.as_bytes());
    ask(store, tools, MsgType::SetPerms, format!("{home}n{domid}\0").as_bytes());
    store.disconnect(tools);
}

#[test]
fn a_domain_is_served_over_its_ring() {
    let (host, mut store, mut guest) = with_domain(5);
    assert_eq!(guest.page.word(FEATURES), 14);
    let reply = guest.ask(&host, &mut store, 5, MsgType::Write, b"data\0value");
    assert_eq!((reply.req_id, reply.payload.as_slice()), (5, b"OK\0".as_slice()));
    let reply = guest.ask(&host, &mut store, 5, MsgType::Read, b"/local/domain/5/data\0");
    assert_eq!(reply.payload, b"value");
    let port = host.port_of(5).unwrap();
    assert!(host.state().notified.contains(&port));
}

#[test]
fn messages_longer_than_the_ring_pass_in_pieces() {
    let host = Host::new();
    // dom0's ring goes on where it is. Start near the end of the indices' range: they run freely.
    for index in [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD] {
        host.dom0.set_word(index, u32::MAX - 10);
    }
    let (mut store, mut guest) = (host.start().unwrap(), Guest::new(&host.dom0));
    let value = vec![b'x'; 1900];
    let reply = guest.ask(&host, &mut store, 0, MsgType::Write, &[b"/big\0".as_slice(), &value].concat());
    assert_eq!(reply.payload, b"OK\0");
    assert_eq!(guest.ask(&host, &mut store, 0, MsgType::Read, b"/big\0").payload, value);
}

#[test]
fn impossible_indices_end_the_conversation_with_that_domain_alone() {
    let table: &[(usize, u32)] = &[(REQ_PROD, 1025), (REQ_PROD, u32::MAX)];
    for (index, value) in table {
        let (host, mut store, guest) = with_domain(5);
        let other = host.add_domain(6);
        introduce(&mut store, 6, 0, 8);
        guest.page.set_word(*index, *value);
        host.kick(5);
        store.turn().unwrap();
        assert_eq!(guest.page.word(ERROR), 2, "{index} {value:#x}");
        let reply = Guest::new(&other).ask(&host, &mut store, 6, MsgType::Read, b"/local/domain/6\0");
        assert_eq!(reply.payload, b"", "{index} {value:#x}");
        // It stays known until it dies.
        host.state().domains.insert(DomId(5), DomainState::Gone);
        host.domain_exception();
        store.turn().unwrap();
        assert_eq!(host.port_of(5), None);
    }
}

#[test]
fn what_a_domain_writes_over_our_indices_means_nothing() {
    let (host, mut store, mut guest) = with_domain(5);
    for value in [1, 0x8000_0000] {
        guest.page.set_word(REQ_CONS, value);
        guest.page.set_word(RSP_PROD, value);
        host.kick(5);
        store.turn().unwrap();
        assert_eq!(guest.page.word(ERROR), 0);
        // As its own view says: what it does to itself is its own affair.
        guest.page.set_word(REQ_CONS, guest.page.word(REQ_PROD));
        guest.page.set_word(RSP_PROD, guest.page.word(RSP_CONS));
        assert_eq!(guest.ask(&host, &mut store, 5, MsgType::Read, b"/local/domain/5\0").payload, b"");
    }
}

#[test]
fn impossible_reply_indices_are_found_when_there_is_a_reply() {
    let (host, mut store, guest) = with_domain(5);
    guest.page.set_word(RSP_CONS, 77);
    let mut bytes = Vec::new();
    wire::encode(2, 0, 0, b"/\0", &mut bytes).unwrap();
    guest.put(&bytes);
    host.kick(5);
    store.turn().unwrap();
    assert_eq!(guest.page.word(ERROR), 2);
}

#[test]
fn an_over_long_message_ends_the_conversation() {
    let (host, mut store, guest) = with_domain(5);
    let header = wire::Header { kind: 2, req_id: 0, tx_id: 0, len: 4097 };
    guest.put(&header.encode());
    host.kick(5);
    store.turn().unwrap();
    assert_eq!(guest.page.word(ERROR), 3);
    // A domain that starts anew is listened to again.
    introduce(&mut store, 5, 0, 9);
    assert_eq!(guest.page.word(ERROR), 0);
    let reply = Guest::new(&guest.page).ask(&host, &mut store, 5, MsgType::Read, b"/local/domain/5\0");
    assert_eq!(reply.payload, b"");
}

#[test]
fn a_domain_that_never_stops_writing_gets_a_share_and_no_more() {
    // The peer is always full of requests and has always read every reply.
    fn flood(bytes: &mut [u8]) {
        let (req_cons, rsp_prod) = (word(bytes, REQ_CONS), word(bytes, RSP_PROD));
        put_word(bytes, REQ_PROD, req_cons.wrapping_add(1024));
        put_word(bytes, RSP_CONS, rsp_prod);
    }
    let (host, mut store, guest) = with_page(5, Page::hostile(flood));
    let before = guest.page.word(REQ_CONS);
    host.kick(5);
    assert!(store.turn().unwrap());
    assert_eq!((guest.page.word(REQ_CONS) - before, store.has_work()), (1024, true), "the rest waits until others had their turn");
    let tools = store.connect();
    assert_eq!(ask(&mut store, tools, MsgType::Read, b"/tool\0").payload, b"");
}

/// Where a quick peer keeps what it is about to do: nothing of the ring is here.
const PLANNED: usize = 3000;

/// As Linux does, which sends no event where it saw that we had not taken everything before.
#[test]
fn a_request_put_before_our_index_is_seen_is_served_without_an_event() {
    fn one_more(bytes: &mut [u8]) {
        let len = std::mem::take(&mut bytes[PLANNED]) as usize;
        let prod = word(bytes, REQ_PROD);
        bytes.copy_within(PLANNED + 1..PLANNED + 1 + len, prod as usize);
        put_word(bytes, REQ_PROD, prod + len as u32);
    }
    let (host, mut store, mut guest) = with_page(5, Page::quick(one_more));
    let request = |req_id| {
        let mut bytes = Vec::new();
        wire::encode(MsgType::GetDomainPath.number(), req_id, 0, b"5\0", &mut bytes).unwrap();
        bytes
    };
    let second = request(2);
    guest.page.write(PLANNED, &[&[second.len() as u8], second.as_slice()].concat()).unwrap();
    guest.put(&request(1));
    host.kick(5);
    store.turn().unwrap();
    assert!(store.has_work());
    store.turn().unwrap();
    let replies: Vec<u32> = guest.take().iter().map(|message| message.req_id).collect();
    assert_eq!((replies, store.has_work()), (vec![1, 2], false));
}

/// As Linux does, which sends no event for room where it saw a ring that was not full.
#[test]
fn room_made_before_our_index_is_seen_is_used_without_an_event() {
    fn take_all(bytes: &mut [u8]) {
        let prod = word(bytes, RSP_PROD);
        put_word(bytes, RSP_CONS, prod);
    }
    let (host, mut store, guest) = with_page(5, Page::quick(take_all));
    let tools = store.connect();
    for (name, len) in [("few", 84), ("many", 1900)] {
        let path = format!("/local/domain/5/{name}\0");
        ask(&mut store, tools, MsgType::Write, &[path.as_bytes(), &vec![b'x'; len]].concat());
        let mut request = Vec::new();
        wire::encode(MsgType::Read.number(), 0, 0, path.as_bytes(), &mut request).unwrap();
        guest.put(&request);
        host.kick(5);
        store.turn().unwrap();
    }
    while store.has_work() {
        store.turn().unwrap();
    }
    assert_eq!(guest.page.word(RSP_PROD) as usize, 16 + 84 + 16 + 1900);
}

#[test]
fn a_domain_that_never_reads_is_not_answered_for_ever() {
    let (host, mut store, guest) = with_domain(5);
    let mut bytes = Vec::new();
    for _ in 0..50 {
        wire::encode(MsgType::GetDomainPath.number(), 0, 0, b"5\0", &mut bytes).unwrap();
    }
    let mut rest = bytes.repeat(20);
    while !rest.is_empty() {
        let count = guest.put(&rest);
        if count == 0 {
            break;
        }
        rest.drain(..count);
        host.kick(5);
        store.turn().unwrap();
    }
    assert!(!rest.is_empty(), "requests stay in the ring");
    assert_eq!(guest.page.word(RSP_PROD), 1024);
}

#[test]
fn introduce_maps_by_grant_then_by_frame() {
    let host = Host::new();
    let mut store = host.start().unwrap();
    let tools = store.connect();
    let reply = ask(&mut store, tools, MsgType::Introduce, b"5\x004096\x007\0");
    assert_eq!(reply.payload, b"ENOENT\0");
    let page = Page::new();
    host.state().frames.insert((DomId(5), Gfn(4096)), page.clone());
    host.state().domains.insert(DomId(5), DomainState::Alive);
    introduce(&mut store, 5, 4096, 7);
    let reply = Guest::new(&page).ask(&host, &mut store, 5, MsgType::Read, b"/local/domain/5\0");
    assert_eq!(reply.payload, b"");
    host.add_domain(6);
    let reply = ask(&mut store, tools, MsgType::Introduce, b"6\x000\x00666\0");
    assert_eq!(reply.payload, b"EINVAL\0", "a port that cannot be bound");
    assert_eq!(store.server().ring_of(DomId(6)), None);
}

#[test]
fn introduce_again_takes_the_new_port_and_an_empty_ring() {
    let (host, mut store, mut guest) = with_domain(5);
    guest.put(b"half a header");
    let before = host.port_of(5).unwrap();
    introduce(&mut store, 5, 0, 9);
    let after = host.port_of(5).unwrap();
    assert_ne!(before, after);
    assert!(!host.state().bound.contains_key(&before));
    assert_eq!(guest.page.word(REQ_PROD), 0);
    let reply = guest.ask(&host, &mut store, 5, MsgType::Read, b"/local/domain/5\0");
    assert_eq!(reply.payload, b"");
}

#[test]
fn a_domain_that_waits_for_the_store_is_told() {
    let page = Page::new();
    page.set_word(CONNECTION, 1);
    let (host, _store, guest) = with_page(5, page);
    assert_eq!(guest.page.word(CONNECTION), 0);
    let port = host.port_of(5).unwrap();
    assert!(host.state().notified.contains(&port));
}

#[test]
fn death_unmaps_unbinds_and_tells() {
    let (host, mut store, _) = with_domain(5);
    let tools = store.connect();
    ask(&mut store, tools, MsgType::Watch, b"@releaseDomain\0w\0");
    let mut out = Vec::new();
    host.state().domains.insert(DomId(5), DomainState::Gone);
    host.domain_exception();
    store.turn().unwrap();
    store.output(tools, 4096, &mut out);
    assert!(out.ends_with(b"@releaseDomain\0w\0"));
    assert_eq!(host.port_of(5), None);
    assert_eq!(ask(&mut store, tools, MsgType::Read, b"/local/domain/5\0").payload, b"ENOENT\0");
    assert_eq!(host.state().bound.len(), 2, "dom0 and the interrupt stay");
}

/// A host that says itself what changed, and is never asked for one domain.
struct Says(Changed);

impl DomainStates for Says {
    fn domain_state(&mut self, domid: DomId) -> Result<DomainState, xen_hv::Error> {
        panic!("{domid} was asked for alone")
    }

    fn changed(&mut self) -> Result<Changed, xen_hv::Error> {
        Ok(self.0.clone())
    }
}

#[test]
fn one_question_tells_which_domains_are_gone() {
    use DomainState::{Alive, Gone, Shutdown};
    let [five, six] = [5, 6].map(DomId);
    // What changed, who is connected after that, whether @releaseDomain fires.
    let table: &[(Changed, [bool; 2], bool)] = &[
        (Changed::These(vec![]), [true, true], false),
        (Changed::These(vec![(six, Gone), (DomId(9), Gone)]), [true, false], true),
        (Changed::These(vec![(five, Shutdown), (six, Alive)]), [true, true], true),
        (Changed::All(vec![(DomId::DOM0, Alive), (five, Alive), (six, Alive)]), [true, true], false),
        (Changed::All(vec![(DomId::DOM0, Alive), (six, Shutdown)]), [false, true], true),
        (Changed::All(vec![(DomId::DOM0, Alive), (five, Gone)]), [false, false], true),
    ];
    for (changed, connected, fires) in table {
        let host = Host::new();
        for domid in [5, 6] {
            host.add_domain(domid);
        }
        let seams = Seams { domains: Box::new(Says(changed.clone())), ..host.seams() };
        let mut store = Store::start(seams, &Claims::make(&host, Some(Port(1))).unwrap(), &BootNodes::default()).unwrap();
        introduce(&mut store, 5, 0, 7);
        introduce(&mut store, 6, 0, 8);
        let tools = store.connect();
        ask(&mut store, tools, MsgType::Watch, b"@releaseDomain\0w\0");
        let mut out = Vec::new();
        store.output(tools, 4096, &mut out);
        store.sent(tools, out.len());
        host.domain_exception();
        store.turn().unwrap();
        let (mut events, rings) = (Vec::new(), [five, six].map(|domid| store.server().ring_of(domid).is_some()));
        store.output(tools, 4096, &mut events);
        assert_eq!((rings, !events.is_empty()), (*connected, *fires), "{changed:?}");
    }
}

#[test]
fn dom0s_kernel_is_served_from_where_its_ring_stands() {
    let host = Host::new();
    for index in [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD] {
        host.dom0.set_word(index, 5000);
    }
    let mut guest = Guest::new(&host.dom0);
    let mut bytes = Vec::new();
    wire::encode(2, 3, 0, b"domid\0", &mut bytes).unwrap();
    guest.put(&bytes);
    let mut store = host.start().unwrap();
    store.turn().unwrap();
    let replies = guest.take();
    assert_eq!((replies.len(), replies[0].payload.as_slice()), (1, b"0".as_slice()));
    let reply = guest.ask(&host, &mut store, 0, MsgType::IsDomainIntroduced, b"0\0");
    assert_eq!(reply.payload, b"T\0");
}

#[test]
fn another_store_is_named_and_nothing_stays_bound() {
    let host = Host::new();
    host.state().virq_taken = true;
    assert!(matches!(host.start(), Err(StoreError::VirqTaken)));
    assert!(host.state().bound.is_empty());
    let host = Host::new();
    host.state().dom0_taken = true;
    let error = host.start().err().unwrap();
    assert!(matches!(error, StoreError::Dom0Taken) && error.is_already_running(), "{error}");
    assert!(host.state().bound.is_empty());
}

#[test]
fn fixed_pages_of_noise_harm_nobody() {
    // A cheap generator: the seed is the case.
    for seed in 0..2000u64 {
        let (host, mut store, guest) = with_domain(5);
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let noise: Vec<u8> = (0..4096)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state as u8
            })
            .collect();
        guest.page.write(0, &noise).unwrap();
        // Half the cases get indices that make sense, so that the noise is read.
        if seed % 2 == 0 {
            for (index, value) in [(REQ_CONS, 0), (REQ_PROD, seed as u32 % 1025), (RSP_CONS, 0), (RSP_PROD, 0)] {
                guest.page.set_word(index, value);
            }
        }
        for _ in 0..3 {
            host.kick(5);
            store.turn().unwrap();
        }
        let tools = store.connect();
        assert_eq!(ask(&mut store, tools, MsgType::Control, b"check\0").payload, b"OK\0", "seed {seed}");
    }
}
