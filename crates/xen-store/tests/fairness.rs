//! Fairness: nobody starves, and nobody holds the others up for longer than a lease.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::time::Duration;

use common::Store;
use proptest::prelude::*;
use xen_store::server::LEASE;
use xen_store::wire::{self, Message, MsgType};

/// A client that does read, modify, write in a transaction, one request at a time, over and over.
#[derive(Default)]
struct Client {
    name: String,
    node: String,
    transaction: u32,
    /// What it read last.
    value: u64,
    step: usize,
    waits: bool,
    commits: u64,
    refused: u64,
    /// Refused in a row, now and at most.
    streak: u64,
    worst_streak: u64,
}

impl Client {
    fn new(name: &str, node: &str) -> Client {
        Client { name: name.to_owned(), node: node.to_owned(), ..Client::default() }
    }

    /// Sends the next request, unless the last one is not answered yet.
    fn turn(&mut self, store: &mut Store) {
        if self.waits {
            return;
        }
        let node = format!("{}\0", self.node);
        let (kind, tx, payload) = match self.step {
            0 => (MsgType::TransactionStart, 0, "\0".to_owned()),
            1 => (MsgType::Read, self.transaction, node),
            2 => (MsgType::Write, self.transaction, format!("{node}{}", self.value + 1)),
            _ => (MsgType::TransactionEnd, self.transaction, "T\0".to_owned()),
        };
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 0, tx, payload.as_bytes(), &mut bytes).unwrap();
        let conn = store.conn(&self.name);
        store.server.input(conn, &bytes);
        self.waits = true;
    }

    fn hear(&mut self, store: &mut Store) {
        for reply in store.receive(&self.name.clone()) {
            self.waits = false;
            self.answered(&reply);
        }
    }

    fn answered(&mut self, reply: &Message) {
        let text = common::show(&reply.payload);
        let text = text.trim_end_matches('|');
        match self.step {
            0 => self.transaction = text.parse().expect("a number"),
            1 => self.value = text.parse().expect("a number"),
            2 => assert_eq!(text, "OK"),
            _ if text == "OK" => {
                self.commits += 1;
                self.streak = 0;
            }
            _ => {
                assert_eq!(text, "EAGAIN");
                self.refused += 1;
                self.streak += 1;
                self.worst_streak = self.worst_streak.max(self.streak);
            }
        }
        self.step = (self.step + 1) % 4;
    }
}

/// Time goes by 20 us a round; in each round the clients that the dice chose send and everybody hears.
fn contend(clients: &mut [Client], rounds: u32, chosen: impl Fn(u32, usize) -> bool) -> Store {
    let mut store = Store::new();
    store.run("t WRITE /n|0 -> OK|");
    for round in 0..rounds {
        store.server.tick(Duration::from_micros(20) * round);
        for (index, client) in clients.iter_mut().enumerate() {
            if chosen(round, index) {
                client.turn(&mut store);
            }
        }
        store.settle();
        for client in &mut *clients {
            client.hear(&mut store);
        }
    }
    store
}

fn clients(count: usize) -> Vec<Client> {
    (0..count).map(|number| Client::new(&format!("c{number}"), "/n")).collect()
}

/// Commits of the worst and the best.
fn spread(clients: &[Client]) -> (u64, u64) {
    let commits = || clients.iter().map(|client| client.commits);
    (commits().min().unwrap(), commits().max().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn clients_on_one_node_fare_alike(count in 2usize..17, seed in any::<u64>()) {
        let mut clients = clients(count);
        // Every client sends in three rounds of four, each in others.
        let dice = |round: u32, index: usize| (seed ^ u64::from(round) << 8 ^ index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 62 != 0;
        let mut store = contend(&mut clients, 4000, dice);
        let (worst, best) = spread(&clients);
        prop_assert!(worst * 2 >= best, "worst {worst}, best {best} of {count}");
        let total: u64 = clients.iter().map(|client| client.commits).sum();
        prop_assert_eq!(store.ask("t", MsgType::Read, 0, b"/n\0"), total.to_string(), "every commit counts once");
        prop_assert!(total >= 200, "{total} commits in 4000 rounds");
    }
}

#[test]
fn lock_step_is_fair_too() {
    for count in [2, 3, 8, 40] {
        let mut clients = clients(count);
        contend(&mut clients, 6000, |_, _| true);
        let (worst, best) = spread(&clients);
        assert!(worst * 2 >= best && worst > 5, "worst {worst}, best {best} of {count}");
        let streak = clients.iter().map(|client| client.worst_streak).max().unwrap();
        assert!(streak <= 3, "{count}: refused {streak} times in a row");
    }
}

#[test]
fn creators_of_siblings_are_never_refused() {
    let mut store = Store::new();
    store.run("t MKDIR /d| -> OK|");
    for round in 0..50 {
        for who in 0..8 {
            let name = format!("c{who}");
            let id = store.ask(&name, MsgType::TransactionStart, 0, b"\0");
            let tx = id.trim_end_matches('|').parse().unwrap();
            assert_eq!(store.ask(&name, MsgType::Write, tx, format!("/d/{who}-{round}\0x").as_bytes()), "OK|");
            assert_eq!(tx, round + 1);
        }
        for who in 0..8 {
            assert_eq!(store.ask(&format!("c{who}"), MsgType::TransactionEnd, round + 1, b"T\0"), "OK|", "client {who}, round {round}");
        }
    }
}

#[test]
fn a_flood_of_plain_writes_starves_no_transaction() {
    let mut store = Store::new();
    store.run("t WRITE /n|0 -> OK|");
    let mut client = Client::new("c", "/n");
    let mut writes = 0;
    for round in 0..400 {
        store.server.tick(Duration::from_micros(20) * round);
        let flooder = store.conn("flood");
        if store.server.room(flooder) > 0 {
            let mut bytes = Vec::new();
            wire::encode(MsgType::Write.number(), 0, 0, format!("/n\0{round}").as_bytes(), &mut bytes).unwrap();
            store.server.input(flooder, &bytes);
        }
        client.turn(&mut store);
        store.settle();
        writes += store.receive("flood").len();
        client.hear(&mut store);
    }
    assert!(client.commits >= 20, "{} commits", client.commits);
    assert!(client.worst_streak <= 2);
    assert!(writes >= 100, "the flood goes on too: {writes}");
}

/// A store where client `h` holds a lease on /n, got at time zero.
fn held() -> Store {
    let mut store = Store::new();
    store.server.tick(Duration::ZERO);
    store.run("t WRITE /n|0 -> OK|\nt WRITE /d/x|0 -> OK|\nt WRITE /other|0 -> OK|");
    for tx in [1, 2] {
        store.run(&format!("h TRANSACTION_START | -> {tx}|\nh@{tx} READ /n| -> {}\nh@{tx} DIRECTORY /d| -> x|", tx - 1));
        store.run(&format!("t WRITE /n|{tx} -> OK|\nh@{tx} TRANSACTION_END T| -> !EAGAIN"));
    }
    store.run("h TRANSACTION_START | -> 3|\nh@3 READ /n| -> 2");
    store
}

/// Sends a request and says whether it was answered at once.
fn is_answered(store: &mut Store, who: &str, kind: MsgType, payload: &[u8]) -> bool {
    let mut bytes = Vec::new();
    wire::encode(kind.number(), 0, 0, payload, &mut bytes).unwrap();
    !store.send_raw(who, &bytes).is_empty()
}

#[test]
fn what_would_disturb_a_holder_waits_and_nothing_else_does() {
    let cases: &[(MsgType, &[u8], bool)] = &[
        (MsgType::Write, b"/n\0x", false),
        (MsgType::SetPerms, b"/n\0n0\0", false),
        (MsgType::Rm, b"/n\0", false),
        (MsgType::Write, b"/d/new\0x", false),
        (MsgType::Mkdir, b"/d/new/below\0", false),
        (MsgType::Rm, b"/d\0", false),
        (MsgType::Rm, b"/d/x\0", false),
        (MsgType::Read, b"/n\0", true),
        (MsgType::Directory, b"/d\0", true),
        (MsgType::Write, b"/d/x\0x", true),
        (MsgType::Write, b"/other\0x", true),
        (MsgType::Mkdir, b"/new\0", true),
        (MsgType::Rm, b"/other\0", true),
        (MsgType::Write, b"/n2\0x", true),
        (MsgType::Write, b"\0", true),
    ];
    for (kind, payload, at_once) in cases {
        let mut store = held();
        assert_eq!(is_answered(&mut store, "w", *kind, payload), *at_once, "{} {}", kind.name(), common::show(payload));
        store.run("h@3 TRANSACTION_END T| -> OK|");
        assert_eq!(store.receive("w").len(), usize::from(!at_once), "answered when the holder is done");
    }
}

#[test]
fn a_holder_that_stalls_delays_others_for_one_lease() {
    let mut store = held();
    assert_eq!(store.server.next_deadline(), None, "nobody waits yet");
    assert!(!is_answered(&mut store, "w", MsgType::Write, b"/n\0x"));
    assert_eq!(store.server.next_deadline(), Some(LEASE));
    store.server.tick(LEASE - Duration::from_nanos(1));
    assert!(store.receive("w").is_empty());
    store.server.tick(LEASE);
    assert_eq!(store.receive("w").len(), 1);
    assert_eq!(store.server.next_deadline(), None);
    // The late holder is refused, and gets no lease again soon, however often it is refused.
    store.run("h@3 TRANSACTION_END T| -> !EAGAIN");
    for tx in 4..8 {
        store.run(&format!("h TRANSACTION_START | -> {tx}|\nh@{tx} READ /n| -> x"));
        assert!(is_answered(&mut store, "w", MsgType::Write, b"/n\0y"), "no lease");
        assert!(is_answered(&mut store, "w", MsgType::Write, b"/n\0x"), "no lease");
        store.run(&format!("t WRITE /n|z -> OK|\nh@{tx} TRANSACTION_END T| -> !EAGAIN\nt WRITE /n|x -> OK|"));
    }
}

#[test]
fn a_lease_ends_with_its_transaction_or_its_client() {
    for end in ["h@3 TRANSACTION_END F| -> OK|", "h RESET_WATCHES | -> OK|"] {
        let mut store = held();
        assert!(!is_answered(&mut store, "w", MsgType::Write, b"/n\0x"));
        store.run(end);
        assert_eq!(store.receive("w").len(), 1, "{end}");
    }
    let mut store = held();
    assert!(!is_answered(&mut store, "w", MsgType::Write, b"/n\0x"));
    let holder = store.conn("h");
    store.server.disconnect(holder);
    assert_eq!(store.receive("w").len(), 1);
}

#[test]
fn who_waits_and_leaves_holds_nobody_up() {
    let mut store = held();
    assert!(!is_answered(&mut store, "w", MsgType::Write, b"/n\0x"));
    let waiting = store.conn("w");
    store.server.disconnect(waiting);
    assert_eq!(store.server.next_deadline(), None);
    store.run("h@3 TRANSACTION_END T| -> OK|\nt READ /n| -> 2");
}

#[test]
fn without_a_clock_nobody_waits() {
    let mut store = Store::new();
    store.run("t WRITE /n|0 -> OK|");
    let mut clients = clients(3);
    for _ in 0..200 {
        for client in &mut clients {
            client.turn(&mut store);
        }
        store.settle();
        for client in &mut clients {
            client.hear(&mut store);
            assert!(!client.waits);
        }
    }
}
