//! The state image: a process that is killed at any byte of what it writes leaves a store from which everything goes on.
//!
//! ```text
//!   plain   a server without an image, never killed          every step: the same input, the same output
//!   kept    a server with an image; its memory stops taking bytes at a random one; a new server recovers from what is there
//! ```

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use xen_abi::{DomId, Gfn, Port};
use xen_store::image::{Image, ImageError, Memory};
use xen_store::quota::Quota;
use xen_store::server::{ConnId, ConnKind, Effect, End, Mail, Outside, RingState, Server};
use xen_store::stream::{Reader, Record, Version};
use xen_store::wire::{self, MsgType};

const SIZE: usize = 8 << 20;
const BOOT: [u8; 16] = [7; 16];

/// Memory that outlives its server, and stops taking bytes when the fuel is used up.
#[derive(Clone)]
struct Shared(Arc<Mutex<(Vec<u8>, usize)>>);

impl Shared {
    fn new() -> Shared {
        Shared(Arc::new(Mutex::new((vec![0; SIZE], usize::MAX))))
    }

    fn fuel(&self, bytes: usize) {
        self.0.lock().unwrap().1 = bytes;
    }

    fn is_dead(&self) -> bool {
        self.0.lock().unwrap().1 == 0
    }

    fn image(&self) -> Result<Image, ImageError> {
        Image::open(Box::new(self.clone()), BOOT)
    }
}

impl Memory for Shared {
    fn len(&self) -> usize {
        SIZE
    }

    fn read(&self, at: usize, into: &mut [u8]) {
        into.copy_from_slice(&self.0.lock().unwrap().0[at..at + into.len()]);
    }

    fn write(&mut self, at: usize, from: &[u8]) {
        let mut guard = self.0.lock().unwrap();
        let (bytes, fuel) = &mut *guard;
        let len = from.len().min(*fuel);
        bytes[at..at + len].copy_from_slice(&from[..len]);
        *fuel -= len;
    }

    fn publish(&mut self, at: usize, value: u32) {
        let mut guard = self.0.lock().unwrap();
        let (bytes, fuel) = &mut *guard;
        if *fuel >= 4 {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            *fuel -= 4;
        } else {
            *fuel = 0;
        }
    }

    fn reserve(&mut self, _: usize, _: usize) -> bool {
        true
    }
}

/// Small numbers from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }
}

const CLIENTS: [ConnId; 3] = [ConnId(1), ConnId((1 << 32) + 1), ConnId((1 << 32) + 2)];

/// One socket, dom0's ring, a guest's ring.
fn connect_all(server: &mut Server) {
    assert_eq!(server.connect(ConnKind::Socket), CLIENTS[0]);
    assert_eq!(server.connect_ring(DomId(0)), CLIENTS[1]);
    assert_eq!(server.connect_ring(DomId(5)), CLIENTS[2]);
}

/// What one client says and how much it reads then.
#[derive(Clone, Default)]
struct Step {
    client: usize,
    input: Vec<u8>,
    reads: usize,
}

#[derive(Default)]
struct Script {
    /// Said and not sent yet.
    pending: [Vec<u8>; 3],
    started: [u32; 3],
    open: [bool; 3],
}

impl Script {
    fn next(&mut self, dice: &mut Dice) -> Step {
        let client = dice.roll(3);
        if self.pending[client].is_empty() {
            self.pending[client] = self.request(client, dice);
        }
        let pending = &mut self.pending[client];
        let len = if dice.roll(4) == 0 { 1 + dice.roll(pending.len()) } else { pending.len() };
        let input = pending.drain(..len).collect();
        let reads = if dice.roll(3) == 0 { dice.roll(40) } else { 100_000 };
        Step { client, input, reads }
    }

    /// Transactions of a client keep to a subtree of its own, so that their outcome never hangs on the moment.
    fn request(&mut self, client: usize, dice: &mut Dice) -> Vec<u8> {
        let name = ["a", "b", "a/x", "a/y", "b/z/deep/er", "c-d"][dice.roll(6)];
        let in_transaction = self.open[client] && dice.roll(2) == 0;
        let (top, tx) = if in_transaction { (format!("/tx/{client}"), self.started[client]) } else { ("/all".to_owned(), 0) };
        let path = format!("{top}/{name}");
        let value = vec![b'v'; [0, 1, 10, 300, 1900][dice.roll(5)]];
        use MsgType::*;
        let (kind, tx, payload) = match dice.roll(14) {
            0..4 => (Write, tx, [path.as_bytes(), b"\0", &value].concat()),
            4 => (Mkdir, tx, format!("{path}\0").into_bytes()),
            5 => (Rm, tx, format!("{path}\0").into_bytes()),
            6 => (SetPerms, tx, format!("{path}\0b{}\0r{}\0", [0, 5][dice.roll(2)], 1 + dice.roll(9)).into_bytes()),
            7 => (Read, tx, format!("{path}\0").into_bytes()),
            8 => (Directory, tx, format!("{path}\0").into_bytes()),
            9 => (Watch, 0, format!("{path}\0token{}\0", dice.roll(3)).into_bytes()),
            10 => (Unwatch, 0, format!("{path}\0token{}\0", dice.roll(3)).into_bytes()),
            11 if !self.open[client] => {
                self.started[client] += 1;
                self.open[client] = true;
                (TransactionStart, 0, vec![0])
            }
            12 if self.open[client] => {
                self.open[client] = false;
                (TransactionEnd, self.started[client], [&b"T\0"[..], b"F\0"][dice.roll(2)].to_vec())
            }
            13 if client == 0 => (SetQuota, 0, format!("5\0watches\0{}\0", 1 + dice.roll(100)).into_bytes()),
            _ => (GetPerms, tx, format!("{path}\0").into_bytes()),
        };
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 9, tx, &payload, &mut bytes).unwrap();
        bytes
    }
}

/// Carries one step out: what the last one's client read is gone, the new bytes come, everything is published. Gives what is read now.
fn carry_out(server: &mut Server, last: (usize, usize), step: &Step, number: u64) -> Vec<u8> {
    server.sent(CLIENTS[last.0], last.1);
    if server.room(CLIENTS[step.client]) >= step.input.len() {
        server.input(CLIENTS[step.client], &step.input);
    }
    settle(server);
    server.set_mail(Mail { received: number, sent: 0 });
    server.commit();
    let mut read = Vec::new();
    server.output(CLIENTS[step.client], step.reads, &mut read);
    read
}

fn settle(server: &mut Server) {
    loop {
        while server.step() {}
        match server.next_effect() {
            None => return,
            // Even domains exist.
            Some(Effect::Query { asker, domid }) => server.known(asker, domid, domid.0 % 2 == 0 || domid.0 == 5),
            Some(Effect::Log(_)) => {}
            Some(other) => panic!("{other:?}"),
        }
    }
}

/// Everything that the documented stream can say.
fn records(server: &Server) -> Vec<Record> {
    let ends = BTreeMap::from([(CLIENTS[0], End::Socket(3)), (CLIENTS[1], End::Ring(Port(4))), (CLIENTS[2], End::Ring(Port(5)))]);
    let stream = server.dump(Version::V2, &Outside { ends, ..Outside::default() }).unwrap();
    Reader::new(&stream).unwrap().map(|record| record.unwrap()).collect()
}

/// Servers after a few steps each, killed some bytes later, over and over.
fn run(seed: u64, steps: u64) -> u32 {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let memory = Shared::new();
    let (mut plain, mut kept) = (Server::new(Quota::default()), Server::new(Quota::default()));
    for server in [&mut plain, &mut kept] {
        connect_all(server);
        let setup = [("/all", "b0\0b5\0"), ("/tx/2", "b5\0")];
        for (path, perms) in setup {
            let path = xen_store::path::StorePath::parse(path).unwrap();
            server.seed(&path, b"");
            let mut bytes = Vec::new();
            wire::encode(MsgType::SetPerms.number(), 1, 0, format!("{path}\0{perms}").as_bytes(), &mut bytes).unwrap();
            server.input(CLIENTS[0], &bytes);
            settle(server);
        }
    }
    kept.keep(Image::format(Box::new(memory.clone()), BOOT).unwrap());
    let (mut script, mut last, mut kills) = (Script::default(), (0, 0), 0);
    for number in 1..=steps {
        let step = script.next(&mut dice);
        let wanted = carry_out(&mut plain, last, &step, number);
        if dice.roll(8) == 0 {
            let most = [60, 600, 6000][dice.roll(3)];
            memory.fuel(dice.roll(most));
        }
        let mut got = carry_out(&mut kept, last, &step, number);
        if memory.is_dead() {
            memory.fuel(usize::MAX);
            kept = Server::recover(memory.image().unwrap()).unwrap();
            kills += 1;
            settle(&mut kept);
            match kept.mail().received {
                received if received == number => {
                    got.clear();
                    kept.output(CLIENTS[step.client], step.reads, &mut got);
                }
                received => {
                    assert_eq!(received, number - 1, "seed {seed}, step {number}: one commit may be missing, no more");
                    got = carry_out(&mut kept, last, &step, number);
                }
            }
        }
        memory.fuel(usize::MAX);
        assert_eq!(show(&got), show(&wanted), "seed {seed}, step {number}: replies and events");
        assert_eq!(records(&kept), records(&plain), "seed {seed}, step {number}");
        let accounts = |server: &Server| server.tree().accounts().iter().collect::<Vec<_>>();
        assert_eq!(accounts(&kept), accounts(&plain), "seed {seed}, step {number}: what each domain owns");
        last = (step.client, wanted.len());
    }
    let again = Server::recover(memory.image().unwrap()).unwrap();
    assert_eq!(records(&again), records(&plain), "seed {seed}: at the end");
    kills
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', "|")
}

#[test]
fn killed_at_any_byte_a_store_goes_on_from_its_image() {
    let kills: u32 = (1..=24).map(|seed| run(seed, 400)).sum();
    assert!(kills > 200, "{kills} kills are too few to tell");
}

/// Some steps on a server.
fn busy(server: &mut Server, script: &mut Script, dice: &mut Dice) {
    let mut last = (0, 0);
    for number in 0..300 {
        let step = script.next(dice);
        let read = carry_out(server, last, &step, number);
        last = (step.client, read.len());
    }
}

#[test]
fn another_image_can_take_the_place_of_one() {
    let (first, second) = (Shared::new(), Shared::new());
    let (mut script, mut dice) = (Script::default(), Dice(11));
    let mut server = Server::new(Quota::default());
    connect_all(&mut server);
    server.keep(Image::format(Box::new(first.clone()), BOOT).unwrap());
    busy(&mut server, &mut script, &mut dice);
    let before = records(&server);
    server.keep(Image::format(Box::new(second.clone()), BOOT).unwrap());
    assert_eq!(records(&Server::recover(second.image().unwrap()).unwrap()), before, "the new one holds everything");
    assert!(Server::recover(first.image().unwrap()).is_ok(), "the old one is left as it was");
    busy(&mut server, &mut script, &mut dice);
    assert_eq!(records(&Server::recover(second.image().unwrap()).unwrap()), records(&server), "and goes on");
}

#[test]
fn without_an_image_nothing_piles_up() {
    let mut server = Server::new(Quota::default());
    connect_all(&mut server);
    let mut size_after = |transactions: u32| {
        for id in 1..=transactions {
            let ask = |server: &mut Server, kind: MsgType, tx, payload: &[u8]| {
                let mut bytes = Vec::new();
                wire::encode(kind.number(), 1, tx, payload, &mut bytes).unwrap();
                carry_out(server, (0, 0), &Step { client: 0, input: bytes, reads: 0 }, 0);
                let mut read = Vec::new();
                server.output(CLIENTS[0], 100_000, &mut read);
                server.sent(CLIENTS[0], read.len());
                read
            };
            let started = ask(&mut server, MsgType::TransactionStart, 0, b"\0");
            let tx = String::from_utf8_lossy(&started[16..started.len() - 1]).parse().unwrap();
            ask(&mut server, MsgType::Write, tx, format!("/a\0{:04}", id % 1000).as_bytes());
            ask(&mut server, MsgType::TransactionEnd, tx, b"T\0");
        }
        format!("{server:?}").len()
    };
    let (early, late) = (size_after(100), size_after(5000));
    assert!(late < early + 200, "{early} characters tell everything after 100 transactions, {late} after 5,100");
}

#[test]
fn where_a_ring_stands_is_part_of_the_image() {
    let memory = Shared::new();
    let mut server = Server::new(Quota::default());
    connect_all(&mut server);
    server.keep(Image::format(Box::new(memory.clone()), BOOT).unwrap());
    let ring = RingState { gfn: Gfn(0x1234), remote: Port(3), local: Some(Port(17)), req_cons: u32::MAX, rsp_prod: 12, stalled: false };
    server.set_ring(CLIENTS[2], ring);
    assert!(Server::recover(memory.image().unwrap()).unwrap().rings().is_empty(), "not before the commit");
    server.commit();
    let again = Server::recover(memory.image().unwrap()).unwrap();
    assert_eq!(again.rings(), [(CLIENTS[2], DomId(5), ring)]);
    assert_eq!(again.sockets(), [CLIENTS[0]]);
}

/// What the watchdog takes out of the middle is gone from the image too, and what comes later is behind what stayed.
#[test]
fn what_was_dropped_unread_does_not_come_back() {
    let memory = Shared::new();
    let mut server = Server::new(Quota::default());
    connect_all(&mut server);
    server.keep(Image::format(Box::new(memory.clone()), BOOT).unwrap());
    let ask = |server: &mut Server, client: usize, kind: MsgType, payload: &[u8]| {
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 9, 0, payload, &mut bytes).unwrap();
        server.input(CLIENTS[client], &bytes);
        settle(server);
        server.commit();
    };
    ask(&mut server, 0, MsgType::Write, b"/all\0");
    ask(&mut server, 0, MsgType::SetPerms, b"/all\0b0\0");
    ask(&mut server, 2, MsgType::Watch, b"/all\0w\0");
    let mut read = Vec::new();
    server.output(CLIENTS[2], 1000, &mut read);
    server.sent(CLIENTS[2], read.len());
    (0..4).for_each(|n| ask(&mut server, 0, MsgType::Write, format!("/all/{n}\0").as_bytes()));
    ask(&mut server, 2, MsgType::Read, b"/all\0");
    server.sent(CLIENTS[2], 7);
    server.tick(xen_store::server::UNREAD);
    server.commit();
    (4..8).for_each(|n| ask(&mut server, 0, MsgType::Write, format!("/all/{n}\0").as_bytes()));

    let mut recovered = Server::recover(memory.image().unwrap()).unwrap();
    assert_eq!(records(&recovered), records(&server));
    let rest = |server: &Server| {
        let mut bytes = Vec::new();
        server.output(CLIENTS[2], 100_000, &mut bytes);
        bytes
    };
    let text = show(&rest(&recovered));
    let order: Vec<_> = text.match_indices("/all/").filter_map(|(at, _)| text[at + 5..].chars().next()).collect();
    assert_eq!(order, ['0', '4', '5', '6', '7'], "half sent: kept; 1 to 3: dropped; then those that came later");
    assert_eq!(rest(&recovered), rest(&server));
    // What a recovered store has unread expires too.
    recovered.tick(xen_store::server::UNREAD);
    assert_eq!(show(&rest(&recovered)).matches("/all/").count(), 1);
}

#[test]
fn an_image_of_another_boot_or_none_is_refused() {
    let memory = Shared::new();
    assert!(matches!(memory.image(), Err(ImageError::None)));
    let mut server = Server::new(Quota::default());
    server.keep(Image::format(Box::new(memory.clone()), BOOT).unwrap());
    assert!(matches!(Image::open(Box::new(memory.clone()), [8; 16]), Err(ImageError::OtherBoot)));
    assert!(memory.image().is_ok());
}

#[test]
fn slots_are_used_again() {
    let memory = Shared::new();
    let mut server = Server::new(Quota::default());
    connect_all(&mut server);
    server.keep(Image::format(Box::new(memory.clone()), BOOT).unwrap());
    let path = xen_store::path::StorePath::parse("/a/b").unwrap();
    // 20 MB of values through 8 MB of image.
    for round in 0..10_000 {
        server.seed(&path, &vec![b'v'; 2000]);
        server.commit();
        assert!(!server.is_spoilt(), "round {round}: full");
    }
}
