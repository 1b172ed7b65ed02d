//! Scripts: what clients say and what the store must answer, line by line.
//!
//! ```text
//!   t WRITE /a|x            -> OK|          t, u, v: sockets      5: the ring of domain 5, introduced when first named
//!   5 READ /a|              -> !EACCES      | stands for NUL      !: an error
//!   t@1 READ /a|            -> x            in transaction 1
//!   t <= /a|token|                          the next unread event;    t <= -    none
//!   dies 5      shutdown 5      unknown 9   exists 9    what the hypervisor says from now on
//! ```

#![allow(dead_code)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xen_abi::DomId;
use xen_store::quota::Quota;
use xen_store::server::{ConnId, ConnKind, DomainState, Effect, Server};
use xen_store::wire::{self, Message, MsgType, Parser};

pub struct Store {
    pub server: Server,
    conns: BTreeMap<String, ConnId>,
    parsers: BTreeMap<String, Parser>,
    events: BTreeMap<String, VecDeque<Vec<u8>>>,
    unknown: BTreeSet<u16>,
    pub effects: Vec<Effect>,
}

fn outcome(reply: &Message) -> String {
    match reply.kind == MsgType::Error.number() {
        true => format!("!{}", show(&reply.payload).trim_end_matches('|')),
        false => show(&reply.payload),
    }
}

impl Store {
    pub fn new() -> Store {
        Store::with(Quota::default())
    }

    pub fn with(quota: Quota) -> Store {
        Store {
            server: Server::new(quota),
            conns: BTreeMap::new(),
            parsers: BTreeMap::new(),
            events: BTreeMap::new(),
            unknown: BTreeSet::new(),
            effects: Vec::new(),
        }
    }

    pub fn conn(&mut self, who: &str) -> ConnId {
        if let Some(conn) = self.conns.get(who) {
            return *conn;
        }
        let conn = match who.parse() {
            Ok(domid) => self.server.connect_ring(DomId(domid)),
            Err(_) => self.server.connect(ConnKind::Socket),
        };
        self.conns.insert(who.to_owned(), conn);
        conn
    }

    /// Lets the server work and answers what it asks of its shell.
    pub fn settle(&mut self) {
        loop {
            while self.server.step() {}
            let Some(effect) = self.server.next_effect() else { return };
            match &effect {
                Effect::Introduce { asker, domid, .. } => {
                    let outcome = if self.unknown.contains(&domid.0) { Err(wire::XsError::NoEntry) } else { Ok(()) };
                    if let Some(conn) = self.server.introduced(*asker, *domid, outcome) {
                        self.conns.insert(domid.0.to_string(), conn);
                    }
                }
                Effect::Query { asker, domid } => {
                    let exists = !self.unknown.contains(&domid.0);
                    self.server.known(*asker, *domid, exists);
                }
                Effect::Close { conn } => self.server.disconnect(*conn),
                _ => {}
            }
            self.effects.push(effect);
        }
    }

    /// Sends bytes and reads whatever is to be had.
    pub fn send_raw(&mut self, who: &str, bytes: &[u8]) -> Vec<Message> {
        let conn = self.conn(who);
        self.server.input(conn, bytes);
        self.receive(who)
    }

    /// Reads whatever is to be had; events are put aside.
    pub fn receive(&mut self, who: &str) -> Vec<Message> {
        let conn = self.conn(who);
        let mut replies = Vec::new();
        loop {
            self.settle();
            let mut bytes = Vec::new();
            self.server.output(conn, 1000, &mut bytes);
            self.server.sent(conn, bytes.len());
            let parser = self.parsers.entry(who.to_owned()).or_default();
            parser.push(&bytes);
            while let Some(message) = parser.next_message().expect("the server sends whole messages") {
                if message.kind == MsgType::WatchEvent.number() {
                    self.events.entry(who.to_owned()).or_default().push_back(message.payload);
                } else {
                    replies.push(message);
                }
            }
            if bytes.is_empty() {
                return replies;
            }
        }
    }

    /// Sends a request and reads nothing.
    pub fn send_only(&mut self, who: &str, kind: MsgType, payload: &[u8]) {
        let conn = self.conn(who);
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 77, 0, payload, &mut bytes).expect("fits");
        self.server.input(conn, &bytes);
        self.settle();
    }

    /// Reads one message and nothing behind it.
    pub fn take_one(&mut self, who: &str) -> String {
        let conn = self.conn(who);
        let mut bytes = Vec::new();
        self.server.output(conn, wire::HEADER_LEN, &mut bytes);
        let header = wire::Header::decode(bytes.first_chunk().expect("a message"));
        bytes.clear();
        self.server.output(conn, wire::HEADER_LEN + header.len as usize, &mut bytes);
        self.server.sent(conn, bytes.len());
        self.settle();
        let mut parser = Parser::default();
        parser.push(&bytes);
        outcome(&parser.next_message().expect("whole").expect("whole"))
    }

    pub fn request(&mut self, who: &str, kind: MsgType, tx_id: u32, payload: &[u8]) -> Message {
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 77, tx_id, payload, &mut bytes).expect("fits");
        let mut replies = self.send_raw(who, &bytes);
        assert_eq!(replies.len(), 1, "{who} {} {}: one reply", kind.name(), show(payload));
        let reply = replies.remove(0);
        assert_eq!((reply.req_id, reply.tx_id), (77, tx_id), "{who} {}: the reply names its request", kind.name());
        assert!(reply.kind == kind.number() || reply.kind == MsgType::Error.number(), "{who} {}: type {}", kind.name(), reply.kind);
        reply
    }

    /// A reply as scripts write it.
    pub fn ask(&mut self, who: &str, kind: MsgType, tx_id: u32, payload: &[u8]) -> String {
        outcome(&self.request(who, kind, tx_id, payload))
    }

    pub fn next_event(&mut self, who: &str) -> Option<String> {
        assert!(self.receive(who).is_empty(), "no reply waits");
        self.events.get_mut(who)?.pop_front().map(|payload| show(&payload))
    }

    /// The client of this name is gone; the next use of the name connects anew.
    pub fn forget(&mut self, who: &str) {
        self.conns.remove(who);
        self.parsers.remove(who);
        self.events.remove(who);
    }

    pub fn states(&mut self, states: &[(u16, DomainState)]) {
        let states: Vec<_> = states.iter().map(|(domid, state)| (DomId(*domid), *state)).collect();
        self.server.domain_states(states);
        self.settle();
    }

    fn line(&mut self, line: &str) {
        if let Some((who, expected)) = line.split_once(" <= ") {
            let event = self.next_event(who.trim()).unwrap_or("-".to_owned());
            assert_eq!(event, expected.trim(), "{line}");
            return;
        }
        if let Some((request, expected)) = line.split_once(" -> ") {
            let mut words = request.splitn(3, ' ');
            let (who, kind, payload) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or("").trim());
            let (who, tx_id) = who.split_once('@').map_or((who, 0), |(who, id)| (who, id.parse().unwrap()));
            let kind = MsgType::ALL.iter().copied().find(|known| known.name() == kind).expect(kind);
            let payload = payload.replace('|', "\0");
            assert_eq!(self.ask(who, kind, tx_id, payload.as_bytes()), expected.trim(), "{line}");
            return;
        }
        let (verb, domid) = line.trim().split_once(' ').expect(line);
        let domid: u16 = domid.trim().parse().expect(line);
        match verb {
            "dies" => {
                self.states(&[(domid, DomainState::Gone)]);
                self.forget(&domid.to_string());
            }
            "shutdown" => self.states(&[(domid, DomainState::Shutdown)]),
            "unknown" => _ = self.unknown.insert(domid),
            "exists" => _ = self.unknown.remove(&domid),
            _ => panic!("{line}"),
        }
    }

    pub fn run(&mut self, script: &str) {
        let lines = script.lines().map(|line| line.split("  #").next().unwrap_or("").trim());
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            self.line(&format!("{line} "));
        }
        assert_eq!(self.ask("checker", MsgType::Control, 0, b"check\0"), "OK|", "the counts add up");
    }
}

/// A store whose domain 5 is introduced and owns its directory.
pub fn store(quota: Quota) -> Store {
    let mut store = Store::with(quota);
    store.run("t INTRODUCE 5|1|1| -> OK|\nt MKDIR /local/domain/5| -> OK|\nt SET_PERMS /local/domain/5|n5| -> OK|");
    store
}

/// The same with other limits.
pub fn with(change: impl FnOnce(&mut Quota)) -> Store {
    let mut quota = Quota::default();
    change(&mut quota);
    store(quota)
}

pub fn run(script: &str) {
    Store::new().run(script);
}

pub fn show(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).replace('\0', "|")
}

/// The clients of a loaded store by the names that scripts gave them, and the store itself in the place of the old one.
impl Store {
    /// How each client is known outside: sockets by a descriptor, rings by a port.
    pub fn ends(&self) -> BTreeMap<ConnId, xen_store::server::End> {
        use xen_store::server::End;
        let end = |(name, conn): (&String, &ConnId)| match name.parse::<u16>() {
            Ok(domid) => (*conn, End::Ring(xen_abi::Port(100 + u32::from(domid)))),
            Err(_) => (*conn, End::Socket(conn.0 as i32 + 20)),
        };
        self.conns.iter().map(end).collect()
    }

    /// Goes on with what a stream made of this store's dump.
    pub fn go_on_as(&mut self, loaded: xen_store::server::Loaded) {
        use xen_store::server::End;
        use xen_store::stream::Peer;
        let ends = self.ends();
        let now = |end: &End| {
            let same = |client: &&xen_store::server::LoadedClient| match (client.peer, end) {
                (Peer::Socket { fd }, End::Socket(known)) => fd == *known,
                (Peer::Ring { domid, .. }, End::Ring(known)) => u32::from(domid.0) + 100 == known.0,
                _ => false,
            };
            loaded.clients.iter().find(same).map(|client| client.conn)
        };
        let conns = self.conns.iter().filter_map(|(name, conn)| Some((name.clone(), now(ends.get(conn)?)?)));
        self.conns = conns.collect();
        self.server = loaded.server;
    }
}
