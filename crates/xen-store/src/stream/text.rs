//! What oxenstored hands to its successor: lines of text, translated into records of the documented stream.
//!
//! ```text
//!   $xenstored-dump-format
//!   global,LISTENER                         evtchn-dev,FD,PORT of VIRQ_DOM_EXC, still bound
//!   socket,FD                               dom,DOMID,MFN,REMOTE PORT,LOCAL PORT          each followed by its watches:
//!   watch,DOMID or -FD,PATH,TOKEN           store,PATH,PERMISSIONS,VALUE                  texts are in hexadecimal
//! ```
//!
//! It says nothing of bytes under way (oxenstored waits until there are none for domains), of targets and of limits. Source: `DB` in
//! tools/ocaml/xenstored/xenstored.ml of 4.17 and 4.20.

use std::collections::BTreeMap;

use xen_abi::{DomId, Port};

use super::{ConnectionRecord, GlobalRecord, NodePlace, NodeRecord, Peer, Record, StreamPerm, WatchRecord};
use crate::perms::Perm;

const HEADER: &[u8] = b"$xenstored-dump-format";

/// A line that cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("oxenstored's dump, line {line}: {what} cannot be read")]
pub struct TextError {
    /// Which line, from 1.
    pub line: usize,
    /// What it should be.
    pub what: &'static str,
}

/// What a text says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// In the order in which they can be loaded.
    pub records: Vec<Record>,
    /// The port of the domain exception interrupt, which stays bound.
    pub virq: Option<Port>,
}

/// Whether these bytes are such a text.
#[must_use]
pub fn is_text(bytes: &[u8]) -> bool {
    bytes.starts_with(HEADER)
}

/// Translates it. Lines of other kinds are skipped, as oxenstored does.
pub fn translate(bytes: &[u8]) -> Result<Text, TextError> {
    let mut translating = Translating::default();
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')).skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Ok(text) = std::str::from_utf8(line) else { continue };
        translating.line(text).ok_or_else(|| TextError { line: number, what: what(text) })?;
    }
    let Translating { text: Text { mut records, virq }, listener, events, watches, nodes, .. } = translating;
    records.insert(0, Record::Global(GlobalRecord { socket_fd: listener, evtchn_fd: events }));
    records.extend(watches);
    records.extend(nodes);
    Ok(Text { records, virq })
}

fn what(line: &str) -> &'static str {
    match line.split(',').next() {
        Some("global") => "the listening socket",
        Some("evtchn-dev") => "the event channels",
        Some("dom") => "a domain with both its ports",
        Some("socket") => "a socket",
        Some("watch") => "a watch of a client that came before",
        _ => "a node",
    }
}

#[derive(Default)]
struct Translating {
    text: Text,
    listener: Option<i32>,
    events: Option<i32>,
    /// By the number of a watch line: the domid, or the socket's number below zero.
    clients: BTreeMap<i64, u32>,
    watches: Vec<Record>,
    nodes: Vec<Record>,
}

impl Translating {
    fn line(&mut self, line: &str) -> Option<()> {
        let fields: Vec<&str> = line.split(',').collect();
        match fields.as_slice() {
            ["global", listener, ..] => self.listener = descriptor(listener)?,
            ["evtchn-dev", events, virq] => {
                self.events = descriptor(events)?;
                self.text.virq = Some(Port(virq.parse().ok()?));
            }
            ["socket", fd] => {
                let fd: i32 = fd.parse().ok()?;
                self.client(-i64::from(fd), Peer::Socket { fd });
            }
            ["dom", domid, _, _, port, ..] => {
                let domid: u16 = domid.parse().ok()?;
                self.client(domid.into(), Peer::Ring { domid: DomId(domid), target: None, port: Port(port.parse().ok()?) });
            }
            ["dom", ..] => return None,
            ["watch", client, path, token] => {
                let conn = *self.clients.get(&client.parse().ok()?)?;
                self.watches.push(Record::Watch(WatchRecord { conn, path: bytes(path)?, token: bytes(token)?, depth: None }));
            }
            ["store", path, perms, value] => self.node(path, perms, value)?,
            _ => {}
        }
        Some(())
    }

    fn client(&mut self, number: i64, peer: Peer) {
        let id = u32::try_from(self.clients.len() + 1).unwrap_or(u32::MAX);
        self.clients.insert(number, id);
        let nothing = Vec::new;
        self.text.records.push(Record::Connection(ConnectionRecord {
            id,
            peer,
            input: nothing(),
            half_sent: 0,
            output: nothing(),
            unique_id: None,
        }));
    }

    fn node(&mut self, path: &str, perms: &str, value: &str) -> Option<()> {
        let path = bytes(path)?;
        // The @ nodes are children of the root there.
        let path: Box<[u8]> = match &*path {
            b"" => (*b"/").into(),
            [b'/', rest @ ..] if rest.starts_with(b"@") => rest.into(),
            _ => path,
        };
        let entries = bytes(perms)?;
        let entries = entries.split(|byte| matches!(byte, 0 | b',')).filter(|entry| !entry.is_empty());
        let perm = |entry| Perm::parse(entry).ok().map(|perm| StreamPerm { perm, stale: false });
        let perms: Vec<StreamPerm> = entries.map(perm).collect::<Option<_>>()?;
        self.nodes.push(Record::Node(NodeRecord { place: NodePlace::Committed, perms, path, value: bytes(value)? }));
        Some(())
    }
}

/// A number, or -1 for none.
fn descriptor(text: &str) -> Option<Option<i32>> {
    text.parse::<i32>().ok().map(|fd| (fd >= 0).then_some(fd))
}

fn bytes(hexadecimal: &str) -> Option<Box<[u8]>> {
    let digits = hexadecimal.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?, 16).ok()).collect()
}
