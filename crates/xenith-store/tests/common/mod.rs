//! A host in memory: pages, event channels, domains, and the guest's end of a ring.

#![allow(dead_code)]

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};

use xen_abi::{DomId, Errno, Gfn, GrantRef, Port};
use xen_hv::{Access, EventChannels, ForeignMemory, GrantMaps, MapError, Resource, SeamError, SharedPages};
use xen_store::server::DomainState;
use xen_store::wire::{self, Message, MsgType, Parser};
use xenith_store::{BootNodes, Claims, Seams, Store, StoreError};

pub const REQ_CONS: usize = 2048;
pub const REQ_PROD: usize = 2052;
pub const RSP_CONS: usize = 2056;
pub const RSP_PROD: usize = 2060;
pub const FEATURES: usize = 2064;
pub const CONNECTION: usize = 2068;
pub const ERROR: usize = 2072;

/// A page, and a peer that can change it whenever a word is loaded, or just before one is stored.
#[derive(Clone)]
pub struct Page {
    bytes: Arc<Mutex<Vec<u8>>>,
    hostile: Option<fn(&mut [u8])>,
    quick: Option<fn(&mut [u8])>,
}

impl Page {
    pub fn new() -> Page {
        Page { bytes: Arc::new(Mutex::new(vec![0; 4096])), hostile: None, quick: None }
    }

    pub fn hostile(before_each_load: fn(&mut [u8])) -> Page {
        Page { hostile: Some(before_each_load), ..Page::new() }
    }

    pub fn quick(before_each_store: fn(&mut [u8])) -> Page {
        Page { quick: Some(before_each_store), ..Page::new() }
    }

    pub fn word(&self, offset: usize) -> u32 {
        word(&self.bytes.lock().unwrap(), offset)
    }

    pub fn set_word(&self, offset: usize, value: u32) {
        put_word(&mut self.bytes.lock().unwrap(), offset, value);
    }
}

pub fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().unwrap())
}

pub fn put_word(bytes: &mut [u8], offset: usize, value: u32) {
    bytes[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
}

impl SharedPages for Page {
    fn len(&self) -> usize {
        4096
    }

    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        into.copy_from_slice(&self.bytes.lock().unwrap()[offset..offset + into.len()]);
        Ok(())
    }

    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        self.bytes.lock().unwrap()[offset..offset + from.len()].copy_from_slice(from);
        Ok(())
    }

    fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
        self.bytes.lock().unwrap()[offset..offset + length].fill(0);
        Ok(())
    }

    fn load_u32(&self, offset: usize) -> io::Result<u32> {
        let mut bytes = self.bytes.lock().unwrap();
        if let Some(hostile) = self.hostile {
            hostile(&mut bytes);
        }
        Ok(word(&bytes, offset))
    }

    fn store_u32(&self, offset: usize, value: u32) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap();
        if let Some(quick) = self.quick {
            quick(&mut bytes);
        }
        put_word(&mut bytes, offset, value);
        Ok(())
    }

    fn barrier(&self) {}
}

#[derive(Default)]
pub struct State {
    pub granted: BTreeMap<DomId, Page>,
    pub frames: BTreeMap<(DomId, Gfn), Page>,
    pub domains: BTreeMap<DomId, DomainState>,
    /// Our ports, and whose they lead to.
    pub bound: BTreeMap<Port, Option<DomId>>,
    pub pending: VecDeque<Port>,
    pub notified: Vec<Port>,
    pub virq_taken: bool,
    pub dom0_taken: bool,
    next_port: u32,
}

/// A host that tests can look into.
#[derive(Clone)]
pub struct Host {
    state: Arc<Mutex<State>>,
    ready: Arc<UnixStream>,
    pub dom0: Page,
}

fn refused(what: &'static str, errno: Errno) -> SeamError {
    SeamError::Refused { what, errno }
}

impl Host {
    pub fn new() -> Host {
        let (ready, _) = UnixStream::pair().unwrap();
        Host { state: Arc::default(), ready: Arc::new(ready), dom0: Page::new() }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn seams(&self) -> Seams {
        let host = Arc::new(self.clone());
        let states = self.clone();
        let domain_state = move |domid: DomId| Ok(states.state().domains.get(&domid).copied().unwrap_or(DomainState::Gone));
        Seams {
            events: host.clone(),
            grants: host.clone(),
            foreign: Some(host),
            dom0: Some(Box::new(self.dom0.clone())),
            domains: Box::new(domain_state),
        }
    }

    pub fn start(&self) -> Result<Store, StoreError> {
        let claims = Claims::make(self, Some(Port(1)))?;
        Store::start(self.seams(), &claims, &BootNodes::default())
    }

    /// A domain that lives and has granted its ring.
    pub fn add_domain(&self, domid: u16) -> Page {
        self.add_domain_with(domid, Page::new())
    }

    pub fn add_domain_with(&self, domid: u16, page: Page) -> Page {
        let mut state = self.state();
        state.domains.insert(DomId(domid), DomainState::Alive);
        state.granted.insert(DomId(domid), page.clone());
        page
    }

    pub fn port_of(&self, domid: u16) -> Option<Port> {
        self.state().bound.iter().find(|(_, whose)| **whose == Some(DomId(domid))).map(|(port, _)| *port)
    }

    pub fn virq(&self) -> Option<Port> {
        self.state().bound.iter().find(|(_, whose)| whose.is_none()).map(|(port, _)| *port)
    }

    /// The domain sends an event.
    pub fn kick(&self, domid: u16) {
        let port = self.port_of(domid);
        self.state().pending.extend(port);
    }

    /// Something happened to domains.
    pub fn domain_exception(&self) {
        let port = self.virq();
        self.state().pending.extend(port);
    }

    fn bind(&self, whose: Option<DomId>) -> Port {
        let mut state = self.state();
        state.next_port += 1;
        let port = Port(state.next_port);
        state.bound.insert(port, whose);
        port
    }
}

impl EventChannels for Host {
    fn bind_interdomain(&self, domid: DomId, remote: Port) -> Result<Port, SeamError> {
        let refuse = remote == Port(666) || (domid == DomId::DOM0 && self.state().dom0_taken);
        if refuse { Err(refused("evtchn bind_interdomain", Errno::EINVAL)) } else { Ok(self.bind(Some(domid))) }
    }

    fn bind_virq(&self, virq: u32) -> Result<Port, SeamError> {
        assert_eq!(virq, 3);
        if self.state().virq_taken { Err(refused("evtchn bind_virq", Errno::EEXIST)) } else { Ok(self.bind(None)) }
    }

    fn unbind(&self, port: Port) -> Result<(), SeamError> {
        self.state().bound.remove(&port).map(drop).ok_or(refused("evtchn unbind", Errno::EINVAL))
    }

    fn notify(&self, port: Port) -> Result<(), SeamError> {
        self.state().notified.push(port);
        Ok(())
    }

    fn next_pending(&self) -> Result<Option<Port>, SeamError> {
        Ok(self.state().pending.pop_front())
    }

    fn unmask(&self, _: Port) -> Result<(), SeamError> {
        Ok(())
    }

    fn ready(&self) -> BorrowedFd<'_> {
        self.ready.as_fd()
    }
}

impl GrantMaps for Host {
    fn map(&self, domid: DomId, grants: &[GrantRef], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        assert_eq!(grants, [GrantRef(1)]);
        let page = self.state().granted.get(&domid).cloned();
        Ok(Box::new(page.ok_or(refused("grant map", Errno::EINVAL))?))
    }
}

impl ForeignMemory for Host {
    fn map(&self, domid: DomId, frames: &[Gfn], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let page = self.state().frames.get(&(domid, frames[0])).cloned();
        Ok(Box::new(page.ok_or(refused("foreign map", Errno::EINVAL))?))
    }

    fn map_resource(&self, _: DomId, _: Resource, _: u64, _: usize) -> Result<Box<dyn SharedPages>, MapError> {
        Err(refused("resource map", Errno::EOPNOTSUPP).into())
    }
}

/// The guest's end of a ring.
pub struct Guest {
    pub page: Page,
    parser: Parser,
}

impl Guest {
    pub fn new(page: &Page) -> Guest {
        Guest { page: page.clone(), parser: Parser::default() }
    }

    /// Puts into the ring what fits; gives how much.
    pub fn put(&self, bytes: &[u8]) -> usize {
        let (cons, prod) = (self.page.word(REQ_CONS), self.page.word(REQ_PROD));
        let count = bytes.len().min(1024 - prod.wrapping_sub(cons) as usize);
        for (index, byte) in (0u32..).zip(&bytes[..count]) {
            self.page.write((prod.wrapping_add(index) % 1024) as usize, &[*byte]).unwrap();
        }
        self.page.set_word(REQ_PROD, prod.wrapping_add(count as u32));
        count
    }

    /// Takes what is in the ring.
    pub fn take(&mut self) -> Vec<Message> {
        let (cons, prod) = (self.page.word(RSP_CONS), self.page.word(RSP_PROD));
        for index in 0..prod.wrapping_sub(cons) {
            let mut byte = [0];
            self.page.read(1024 + (cons.wrapping_add(index) % 1024) as usize, &mut byte).unwrap();
            self.parser.push(&byte);
        }
        self.page.set_word(RSP_CONS, prod);
        std::iter::from_fn(|| self.parser.next_message().unwrap()).collect()
    }

    /// One request over the ring, however many pieces it takes.
    pub fn ask(&mut self, host: &Host, store: &mut Store, domid: u16, kind: MsgType, payload: &[u8]) -> Message {
        let mut bytes = Vec::new();
        wire::encode(kind.number(), 5, 0, payload, &mut bytes).unwrap();
        let mut rest = bytes.as_slice();
        for _ in 0..100 {
            rest = &rest[self.put(rest)..];
            host.kick(domid);
            store.turn().unwrap();
            let replies = self.take();
            if let Some(reply) = replies.into_iter().find(|message| message.kind != MsgType::WatchEvent.number()) {
                return reply;
            }
        }
        panic!("no reply to {}", kind.name());
    }
}

/// One request over a socket connection.
pub fn ask(store: &mut Store, conn: xen_store::server::ConnId, kind: MsgType, payload: &[u8]) -> Message {
    let mut bytes = Vec::new();
    wire::encode(kind.number(), 5, 0, payload, &mut bytes).unwrap();
    store.input(conn, &bytes);
    store.settle();
    let mut out = Vec::new();
    store.output(conn, 1 << 20, &mut out);
    store.sent(conn, out.len());
    let mut parser = Parser::default();
    parser.push(&out);
    let messages = std::iter::from_fn(|| parser.next_message().unwrap());
    messages.into_iter().find(|message| message.kind != MsgType::WatchEvent.number()).expect("a reply")
}
