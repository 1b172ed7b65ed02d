//! What clients may do and what it costs them, against a naive model: every reply, and after every request the counts of every domain.
//!
//! The model is a map of full paths that is searched and copied; it knows nothing of trees, generations or accounts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use common::Store;
use proptest::prelude::*;
use xen_abi::DomId;
use xen_store::quota::Quota;
use xen_store::server::{ConnKind, DomainState};
use xen_store::wire::MsgType;

const NODES: usize = 6;
const WATCHES: usize = 2;
const TRANSACTIONS: usize = 1;
const OUTSTANDING: usize = 2;
const DOMAINS: [u16; 2] = [5, 6];

/// Domid, letter, and which of the domains that had this number is meant.
type Entry = (u16, char, u32);

#[derive(Clone, Debug, PartialEq)]
struct Node {
    value: String,
    perms: Vec<Entry>,
}

#[derive(Clone, Debug)]
enum Op {
    Read(String),
    Write(String, String),
    Mkdir(String),
    Rm(String),
    SetPerms(String, Vec<(u16, char)>),
}

impl Op {
    fn request(&self) -> (MsgType, String) {
        match self {
            Op::Read(path) => (MsgType::Read, format!("{path}\0")),
            Op::Write(path, value) => (MsgType::Write, format!("{path}\0{value}")),
            Op::Mkdir(path) => (MsgType::Mkdir, format!("{path}\0")),
            Op::Rm(path) => (MsgType::Rm, format!("{path}\0")),
            Op::SetPerms(path, list) => {
                let list: String = list.iter().map(|(domid, letter)| format!("{letter}{domid}\0")).collect();
                (MsgType::SetPerms, format!("{path}\0{list}"))
            }
        }
    }
}

#[derive(Clone, Debug)]
struct World {
    nodes: BTreeMap<String, Node>,
    /// Which of the domains of a number is alive now.
    lives: BTreeMap<u16, u32>,
    /// Domains that the store has met.
    known: BTreeSet<u16>,
}

fn parent(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

type Reply = Result<String, &'static str>;

fn ok() -> Reply {
    Ok("OK|".to_owned())
}

impl World {
    fn new() -> World {
        let node = |path: &str| (path.to_owned(), Node { value: String::new(), perms: vec![(0, 'n', 0)] });
        World { nodes: ["/", "/tool", "/tool/xenstored"].map(node).into(), lives: BTreeMap::new(), known: BTreeSet::from([0]) }
    }

    fn life(&self, domid: u16) -> u32 {
        self.lives.get(&domid).copied().unwrap_or_default()
    }

    /// What a client may do: letters r and w, o for owning.
    fn rights(&self, who: u16, node: &Node) -> &'static str {
        if who == 0 || node.perms[0].0 == who {
            return "rwo";
        }
        let named = node.perms[1..].iter().find(|(domid, _, life)| *domid == who && *life == self.life(who));
        match named.unwrap_or(&node.perms[0]).1 {
            'r' => "r",
            'w' => "w",
            'b' => "rw",
            _ => "",
        }
    }

    /// The deepest node that is there above the path.
    fn above(&self, path: &str) -> String {
        let mut above = parent(path);
        while !self.nodes.contains_key(&above) {
            above = parent(&above);
        }
        above
    }

    fn check(&self, who: u16, path: &str, needed: &str) -> Result<(), &'static str> {
        let error = match self.nodes.get(path) {
            Some(node) if needed.chars().all(|right| self.rights(who, node).contains(right)) => return Ok(()),
            Some(_) => "EACCES",
            None => "ENOENT",
        };
        let above = &self.nodes[&self.above(path)];
        let may_know = needed.chars().any(|right| self.rights(who, above).contains(right));
        Err(if may_know { error } else { "EACCES" })
    }

    fn owned(&self, who: u16) -> usize {
        let specials = if who == 0 { 2 } else { 0 };
        specials + self.nodes.values().filter(|node| node.perms[0].0 == who).count()
    }

    fn create(&mut self, who: u16, path: &str, value: &str) -> Reply {
        let mut missing = Vec::new();
        let mut at = path.to_owned();
        while !self.nodes.contains_key(&at) {
            missing.push(at.clone());
            at = parent(&at);
        }
        if who != 0 && self.owned(who) + missing.len() > NODES {
            return Err("ENOSPC");
        }
        for new in missing.iter().rev() {
            let mut perms = self.nodes[&parent(new)].perms.clone();
            if who != 0 {
                perms[0].0 = who;
            }
            let value = if new == path { value } else { "" };
            self.nodes.insert(new.clone(), Node { value: value.to_owned(), perms });
        }
        ok()
    }

    fn run(&mut self, who: u16, op: &Op) -> Reply {
        match op {
            Op::Read(path) => self.check(who, path, "r").map(|()| self.nodes[path].value.clone()),
            Op::Write(path, value) => match self.check(who, path, "w") {
                Ok(()) => {
                    self.nodes.get_mut(path).unwrap().value.clone_from(value);
                    ok()
                }
                Err("ENOENT") => self.create(who, path, value),
                Err(error) => Err(error),
            },
            Op::Mkdir(path) => match self.check(who, path, "w") {
                Ok(()) => ok(),
                Err("ENOENT") => self.create(who, path, ""),
                Err(error) => Err(error),
            },
            Op::Rm(path) => match self.check(who, path, "w") {
                Ok(()) if path == "/" => Err("EINVAL"),
                Ok(()) => {
                    self.remove(path);
                    ok()
                }
                Err("ENOENT") if self.nodes.contains_key(&parent(path)) => ok(),
                Err(error) => Err(error),
            },
            Op::SetPerms(path, list) => {
                if !self.known.contains(&list[0].0) {
                    return Err("ENOENT");
                }
                self.check(who, path, "wo")?;
                if who != 0 && self.nodes[path].perms[0].0 != list[0].0 {
                    return Err("EPERM");
                }
                let perms = list.iter().map(|(domid, letter)| (*domid, *letter, self.life(*domid))).collect();
                self.nodes.get_mut(path).unwrap().perms = perms;
                ok()
            }
        }
    }

    fn remove(&mut self, path: &str) {
        let below = format!("{path}/");
        self.nodes.retain(|other, _| other != path && !other.starts_with(&below));
    }

    fn die(&mut self, domid: u16) {
        let owned: Vec<String> = self.nodes.iter().filter(|(_, node)| node.perms[0].0 == domid).map(|(path, _)| path.clone()).collect();
        for path in owned {
            match path.as_str() {
                "/" => self.nodes.get_mut("/").unwrap().perms = vec![(0, 'n', 0)],
                path => self.remove(path),
            }
        }
        *self.lives.entry(domid).or_default() += 1;
        self.known.remove(&domid);
    }

    /// Bytes of what a domain owns, without the `@` nodes.
    fn memory(&self, who: u16) -> u64 {
        let size = |path: &String, node: &Node| {
            let children = self.nodes.keys().filter(|other| *other != "/" && parent(other) == *path);
            let names: usize = children.map(|child| child.len() - child.rfind('/').unwrap()).sum();
            16 + 8 * node.perms.len() + node.value.len() + names + path.len()
        };
        self.nodes.iter().filter(|(_, node)| node.perms[0].0 == who).map(|(path, node)| size(path, node) as u64).sum()
    }
}

#[derive(Debug, Default)]
struct Client {
    watches: BTreeSet<(String, String)>,
    next: u32,
    open: BTreeMap<u32, Transaction>,
    /// Sent, and not served while so many replies are unread.
    waiting: VecDeque<Op>,
    unread: VecDeque<Reply>,
}

#[derive(Debug)]
struct Transaction {
    view: World,
    log: Vec<(Op, Reply)>,
    failed: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Do(Op),
    /// In the client's oldest transaction, if one is open.
    Within(Op),
    Start,
    End(bool),
    Watch(String, u8),
    Unwatch(String, u8),
    Reset,
    Die,
    /// A request whose reply is not read yet.
    Send(Op),
    /// Reads one reply.
    Take,
}

struct Pair {
    store: Store,
    world: World,
    clients: BTreeMap<u16, Client>,
}

fn name(who: u16) -> String {
    if who == 0 { "t".to_owned() } else { who.to_string() }
}

fn said(reply: &Reply) -> String {
    match reply {
        Ok(text) => text.clone(),
        Err(error) => format!("!{error}"),
    }
}

impl Pair {
    fn new() -> Pair {
        let quota = Quota { nodes: NODES, watches: WATCHES, transactions: TRANSACTIONS, outstanding: OUTSTANDING, ..Quota::default() };
        let mut pair = Pair { store: Store::with(quota), world: World::new(), clients: BTreeMap::new() };
        let _ = pair.store.conn("t");
        pair.clients.insert(0, Client { next: 1, ..Client::default() });
        DOMAINS.into_iter().for_each(|domid| pair.be_born(domid));
        pair
    }

    fn be_born(&mut self, domid: u16) {
        let _ = self.store.conn(&domid.to_string());
        self.world.known.insert(domid);
        self.clients.insert(domid, Client { next: 1, ..Client::default() });
        let home = format!("/local/domain/{domid}");
        self.ask(0, &Op::Mkdir(home.clone()));
        self.ask(0, &Op::SetPerms(home, vec![(domid, 'n')]));
    }

    fn ask(&mut self, who: u16, op: &Op) {
        if let Op::SetPerms(_, list) = op {
            // The store asks the hypervisor, which knows every domain here.
            self.world.known.extend(list.iter().map(|(domid, _)| *domid));
        }
        let expected = self.world.run(who, op);
        let (kind, payload) = op.request();
        assert_eq!(self.store.ask(&name(who), kind, 0, payload.as_bytes()), said(&expected), "{who} {op:?}");
    }

    fn within(&mut self, who: u16, op: Op) {
        if let Op::SetPerms(_, list) = &op {
            self.world.known.extend(list.iter().map(|(domid, _)| *domid));
        }
        let known = self.world.known.clone();
        let lives = self.world.lives.clone();
        let Some((id, transaction)) = self.clients.get_mut(&who).unwrap().open.first_key_value().map(|(id, _)| *id).and_then(|id| {
            let client = self.clients.get_mut(&who)?;
            Some((id, client.open.get_mut(&id)?))
        }) else {
            return;
        };
        (transaction.view.known, transaction.view.lives) = (known, lives);
        let expected = transaction.view.run(who, &op);
        transaction.failed |= expected == Err("ENOSPC");
        let (kind, payload) = op.request();
        assert_eq!(self.store.ask(&name(who), kind, id, payload.as_bytes()), said(&expected), "{who} in {id}: {op:?}");
        transaction.log.push((op, expected));
    }

    fn start(&mut self, who: u16) {
        let client = self.clients.get_mut(&who).unwrap();
        let expected = if who != 0 && client.open.len() > TRANSACTIONS {
            Err("ENOSPC")
        } else {
            let id = client.next;
            client.next += 1;
            client.open.insert(id, Transaction { view: self.world.clone(), log: Vec::new(), failed: false });
            Ok(format!("{id}|"))
        };
        assert_eq!(self.store.ask(&name(who), MsgType::TransactionStart, 0, b"\0"), said(&expected));
    }

    fn end(&mut self, who: u16, commit: bool) {
        let Some((id, transaction)) = self.clients.get_mut(&who).unwrap().open.pop_first() else { return };
        let mut again = self.world.clone();
        let same = transaction.log.iter().all(|(op, reply)| again.run(who, op) == *reply);
        let expected = match (commit, transaction.failed, same) {
            (true, true, _) => Err("ENOMEM"),
            (true, false, false) => Err("EAGAIN"),
            (true, false, true) => {
                self.world = again;
                ok()
            }
            (false, ..) => ok(),
        };
        let payload = if commit { b"T\0" } else { b"F\0" };
        assert_eq!(self.store.ask(&name(who), MsgType::TransactionEnd, id, payload), said(&expected), "{who} ends {id}");
    }

    fn watch(&mut self, who: u16, path: String, token: String) {
        let payload = format!("{path}\0{token}\0");
        let client = self.clients.get_mut(&who).unwrap();
        let expected = match client.watches.contains(&(path.clone(), token.clone())) {
            true => Err("EEXIST"),
            false if who != 0 && client.watches.len() > WATCHES => Err("E2BIG"),
            false => {
                client.watches.insert((path, token));
                ok()
            }
        };
        assert_eq!(self.store.ask(&name(who), MsgType::Watch, 0, payload.as_bytes()), said(&expected));
    }

    fn unwatch(&mut self, who: u16, path: String, token: String) {
        let payload = format!("{path}\0{token}\0");
        let expected = if self.clients.get_mut(&who).unwrap().watches.remove(&(path, token)) { ok() } else { Err("ENOENT") };
        assert_eq!(self.store.ask(&name(who), MsgType::Unwatch, 0, payload.as_bytes()), said(&expected));
    }

    fn send(&mut self, who: u16, op: Op) {
        let (kind, payload) = op.request();
        self.store.send_only(&name(who), kind, payload.as_bytes());
        self.clients.get_mut(&who).unwrap().waiting.push_back(op);
        self.serve(who);
    }

    /// Serves what waits while its replies may wait too.
    fn serve(&mut self, who: u16) {
        let client = self.clients.get_mut(&who).unwrap();
        while client.unread.len() < OUTSTANDING {
            let Some(op) = client.waiting.pop_front() else { break };
            if let Op::SetPerms(_, list) = &op {
                self.world.known.extend(list.iter().map(|(domid, _)| *domid));
            }
            client.unread.push_back(self.world.run(who, &op));
        }
    }

    fn take(&mut self, who: u16) {
        let Some(expected) = self.clients.get_mut(&who).unwrap().unread.pop_front() else { return };
        assert_eq!(self.store.take_one(&name(who)), said(&expected), "{who} reads late");
        self.serve(who);
    }

    /// Everybody but who waits for replies reads events: those count for who made them.
    fn read_events(&mut self) {
        let reads = |(who, client): (&u16, &Client)| client.unread.is_empty().then_some(*who);
        for who in self.clients.iter().filter_map(reads).collect::<Vec<_>>() {
            assert_eq!(self.store.receive(&name(who)), [], "{who} asked nothing");
        }
    }

    fn step(&mut self, who: u16, step: Step) {
        if !matches!(step, Step::Send(_) | Step::Take | Step::Die) {
            while !self.clients[&who].unread.is_empty() {
                self.take(who);
                self.read_events();
            }
        }
        match step {
            // Its events would stand between the replies.
            Step::Send(_) if who == 0 || !self.clients[&who].watches.is_empty() => {}
            Step::Send(op) => self.send(who, op),
            Step::Take => self.take(who),
            Step::Do(op) => self.ask(who, &op),
            Step::Within(op) => self.within(who, op),
            Step::Start => self.start(who),
            Step::End(commit) => self.end(who, commit),
            Step::Watch(path, token) => self.watch(who, path, token.to_string()),
            Step::Unwatch(path, token) => self.unwatch(who, path, token.to_string()),
            Step::Reset => {
                assert_eq!(self.store.ask(&name(who), MsgType::ResetWatches, 0, b"\0"), "OK|");
                let client = self.clients.get_mut(&who).unwrap();
                client.watches.clear();
                client.open.clear();
            }
            Step::Die if who != 0 => {
                self.store.states(&[(who, DomainState::Gone)]);
                self.store.forget(&who.to_string());
                self.world.die(who);
                self.be_born(who);
            }
            Step::Die => {}
        }
    }

    fn compare(&self) {
        let report = self.store.server.report();
        for (who, client) in &self.clients {
            let account = self.store.server.tree().accounts().get(DomId(*who));
            let specials = if *who == 0 { 24 + 32 + "@introduceDomain@releaseDomain".len() as u64 } else { 0 };
            let expected = (self.world.owned(*who), self.world.memory(*who) + specials);
            assert_eq!((account.nodes as usize, account.memory), expected, "nodes and bytes of d{who}");
            let is_this = |kind| match kind {
                ConnKind::Socket => *who == 0,
                ConnKind::Ring(domid) => domid.0 == *who,
            };
            let told = report.clients.iter().find(|told| is_this(told.kind)).unwrap();
            assert_eq!((told.watches, told.transactions), (client.watches.len(), client.open.len()), "watches and transactions of d{who}");
            if client.open.is_empty() {
                let bytes: usize = client.watches.iter().map(|(path, token)| path.len() + token.len()).sum();
                assert_eq!(told.held - told.unread as u64, bytes as u64, "bytes of watches of d{who}");
            }
        }
    }
}

fn path() -> impl Strategy<Value = String> {
    let home = prop::sample::select(vec!["/", "/local/domain/5/", "/local/domain/6/"]);
    let name = prop::sample::select(vec!["a", "b", "a/b", "a/b/c", "long-name/c"]);
    let below = (home, name).prop_map(|(home, name)| format!("{home}{name}"));
    prop_oneof![8 => below, 1 => prop::sample::select(vec!["/", "/local/domain/5"]).prop_map(str::to_owned)]
}

fn op() -> impl Strategy<Value = Op> {
    let entry = (prop::sample::select(vec![0u16, 5, 6]), prop::sample::select(vec!['n', 'r', 'w', 'b']));
    prop_oneof![
        2 => path().prop_map(Op::Read),
        4 => (path(), prop::sample::select(vec!["", "x", "longer"])).prop_map(|(path, value)| Op::Write(path, value.to_owned())),
        2 => path().prop_map(Op::Mkdir),
        1 => path().prop_map(Op::Rm),
        2 => (path(), prop::collection::vec(entry, 1..4)).prop_map(|(path, list)| Op::SetPerms(path, list)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => op().prop_map(Step::Do),
        6 => op().prop_map(Step::Within),
        2 => Just(Step::Start),
        2 => any::<bool>().prop_map(Step::End),
        2 => (path(), 0u8..4).prop_map(|(path, token)| Step::Watch(path, token)),
        1 => (path(), 0u8..4).prop_map(|(path, token)| Step::Unwatch(path, token)),
        1 => prop_oneof![Just(Step::Reset), Just(Step::Die)],
        6 => op().prop_map(Step::Send),
        2 => Just(Step::Take),
    ]
}

proptest! {
    #[test]
    fn clients_may_do_what_the_model_lets_them_and_it_costs_what_it_says(
        script in prop::collection::vec((prop::sample::select(vec![0u16, 5, 6]), step()), 1..120),
    ) {
        let mut pair = Pair::new();
        pair.compare();
        for (who, step) in script {
            pair.step(who, step);
            pair.read_events();
            pair.compare();
        }
    }
}
