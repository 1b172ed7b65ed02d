//! A host in memory: domains with console pages, event channels, grants, a store. It outlives the role, which can be killed at any effect.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};

use xen_abi::{DomId, Errno, GrantRef, Port};
use xen_hv::{Access, EventChannels, GrantMaps, MapError, SeamError, SharedPages};
use xen_store::client::{Client, Loopback, Requests};
use xen_store::path;
use xen_store::server::{ConnKind, Server};

use crate::config::Config;
use crate::console::{Console, Means, Terminals, Turn};
use crate::log::tests::{Fuse, MemoryDir};

const OUT: u32 = 1024;
const IN_CONS: usize = 3072;
const IN_PROD: usize = 3076;
const OUT_CONS: usize = 3080;
const OUT_PROD: usize = 3084;

#[derive(Default)]
pub struct State {
    pub pages: BTreeMap<DomId, Vec<u8>>,
    /// Our ports: whose, and the domain's port.
    pub bound: BTreeMap<Port, (DomId, Port)>,
    pending: VecDeque<Port>,
    masked: BTreeSet<Port>,
    /// Events that came while the port was masked.
    held: BTreeSet<Port>,
    next_port: u32,
    /// Events that each domain got from us.
    pub notified: BTreeMap<DomId, u32>,
    pub mapped: BTreeMap<DomId, u32>,
    pub unmasks: u32,
}

/// The host; clones are the same host.
#[derive(Clone)]
pub struct World {
    pub state: Arc<Mutex<State>>,
    pub fuse: Fuse,
    pub disk: MemoryDir,
    pub server: Arc<Mutex<Server>>,
    /// Readable while ports may be pending.
    wake: Arc<(UnixStream, UnixStream)>,
}

impl World {
    pub fn new() -> World {
        let disk = MemoryDir::default();
        World { state: Arc::default(), fuse: disk.fuse.clone(), disk, server: Arc::clone(Loopback::new().server()), wake: Arc::new(wake()) }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn connection(&self) -> Loopback {
        Loopback::join(Arc::clone(&self.server), ConnKind::Socket)
    }

    /// What the toolstack does with the store.
    pub fn tools(&self) -> Client<Loopback> {
        Client::new(self.connection())
    }

    /// A domain with a console whose ring starts at `index`.
    pub fn create(&self, domid: DomId, name: &str, index: u32) {
        self.lock().pages.insert(domid, vec![0; 4096]);
        for offset in [OUT_CONS, OUT_PROD, IN_CONS, IN_PROD] {
            self.set(domid, offset, index);
        }
        let mut tools = self.tools();
        let paths = path::domain(domid);
        tools.write(&paths.name(), name).unwrap();
        tools.write(&paths.vm(), format!("/vm/00000000-0000-0000-0000-{:012}", domid.0)).unwrap();
        tools.write(&paths.console_type(), "xenconsoled").unwrap();
        tools.write(&paths.console_port(), "2").unwrap();
        tools.introduce(domid, xen_abi::Gfn(0xfeffc), Port(1)).unwrap();
    }

    /// A domain dies: the store tells.
    pub fn destroy(&self, domid: DomId) {
        let mut tools = self.tools();
        tools.release(domid).unwrap();
        tools.rm(path::domain(domid).root()).unwrap();
    }

    /// A role with a new process's memory.
    pub fn role(&self, config: Config) -> Console<Loopback> {
        let means = Means {
            events: Arc::new(self.clone()),
            grants: Arc::new(self.clone()),
            logs: Arc::new(self.disk.clone()),
            boot_id: "boot".to_owned(),
        };
        let mut console = Console::new(config, means);
        console.connect(self.connection()).unwrap();
        console
    }

    /// SIGKILL: what the kernel cleans up.
    pub fn kill(&self, console: Console<Loopback>) {
        drop(console);
        self.fuse.set(None);
        let mut state = self.lock();
        state.bound.clear();
        state.pending.clear();
        state.masked.clear();
        state.held.clear();
    }

    fn get(&self, domid: DomId, offset: usize) -> u32 {
        u32::from_le_bytes(self.lock().pages[&domid][offset..offset + 4].try_into().unwrap())
    }

    pub fn set(&self, domid: DomId, offset: usize, value: u32) {
        self.lock().pages.get_mut(&domid).unwrap()[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub fn set_out_prod(&self, domid: DomId, value: u32) {
        self.set(domid, OUT_PROD, value);
        self.event(domid);
    }

    /// The guest says as much as its ring takes, sends an event and gives how much that was.
    pub fn say(&self, domid: DomId, bytes: &[u8]) -> usize {
        let count = self.write(domid, bytes);
        if count > 0 {
            self.event(domid);
        }
        count
    }

    /// The same without the event: nobody is bound to its port yet.
    pub fn write(&self, domid: DomId, bytes: &[u8]) -> usize {
        let (prod, cons) = (self.get(domid, OUT_PROD), self.get(domid, OUT_CONS));
        let room = 2048 - prod.wrapping_sub(cons) as usize;
        let count = room.min(bytes.len());
        for (index, byte) in (0u32..).zip(&bytes[..count]) {
            self.lock().pages.get_mut(&domid).unwrap()[(OUT + prod.wrapping_add(index) % 2048) as usize] = *byte;
        }
        self.set(domid, OUT_PROD, prod.wrapping_add(count as u32));
        count
    }

    /// The guest takes its keys.
    pub fn hear(&self, domid: DomId) -> Vec<u8> {
        let (prod, cons) = (self.get(domid, IN_PROD), self.get(domid, IN_CONS));
        let heard =
            (0..prod.wrapping_sub(cons)).map(|index| self.lock().pages[&domid][(cons.wrapping_add(index) % 1024) as usize]).collect();
        self.set(domid, IN_CONS, prod);
        self.event(domid);
        heard
    }

    pub fn event(&self, domid: DomId) {
        let mut state = self.lock();
        let port = state.bound.iter().find(|(_, (whose, _))| *whose == domid).map(|(port, _)| *port);
        match port {
            Some(port) if state.masked.contains(&port) => _ = state.held.insert(port),
            Some(port) => {
                state.masked.insert(port);
                state.pending.push_back(port);
                self.wake();
            }
            None => {}
        }
    }

    fn wake(&self) {
        let _ = (&self.wake.0).write(&[1]);
    }
}

fn wake() -> (UnixStream, UnixStream) {
    let pair = UnixStream::pair().unwrap();
    pair.0.set_nonblocking(true).unwrap();
    pair.1.set_nonblocking(true).unwrap();
    pair
}

/// Terminals that are only names.
#[derive(Default)]
pub struct Names(pub BTreeSet<DomId>);

impl Terminals for Names {
    fn open(&mut self, domid: DomId) -> Option<String> {
        self.0.insert(domid);
        Some(format!("/dev/pts/{}", domid.0))
    }
    fn close(&mut self, domid: DomId) {
        self.0.remove(&domid);
    }
}

/// Turns until nothing is due at once; gives the last turn.
pub fn settle(console: &mut Console<Loopback>, now_ms: u64, names: &mut Names) -> Turn {
    for _ in 0..1000 {
        let turn = console.turn(now_ms, names);
        assert!(turn.store_lost.is_none(), "{turn:?}");
        if turn.wait_ms != Some(0) {
            return turn;
        }
    }
    panic!("it never settles");
}

impl EventChannels for World {
    fn bind_interdomain(&self, domid: DomId, remote: Port) -> Result<Port, SeamError> {
        let mut state = self.lock();
        state.next_port += 1;
        let port = Port(100 + state.next_port);
        state.bound.insert(port, (domid, remote));
        state.masked.insert(port);
        state.pending.push_back(port);
        self.wake();
        Ok(port)
    }
    fn bind_virq(&self, _: u32) -> Result<Port, SeamError> {
        Err(SeamError::Refused { what: "evtchn bind_virq", errno: Errno::EEXIST })
    }
    fn unbind(&self, port: Port) -> Result<(), SeamError> {
        let mut state = self.lock();
        state.pending.retain(|pending| *pending != port);
        state.masked.remove(&port);
        state.held.remove(&port);
        let bound = state.bound.remove(&port);
        bound.map(drop).ok_or(SeamError::Refused { what: "evtchn unbind", errno: Errno::EINVAL })
    }
    fn notify(&self, port: Port) -> Result<(), SeamError> {
        if self.fuse.burn() {
            let mut state = self.lock();
            let domid = state.bound[&port].0;
            *state.notified.entry(domid).or_default() += 1;
        }
        Ok(())
    }
    fn next_pending(&self) -> Result<Option<Port>, SeamError> {
        let port = self.lock().pending.pop_front();
        if port.is_none() {
            let _ = (&self.wake.1).read(&mut [0; 4096]);
            // One that came in between is not forgotten.
            return Ok(self.lock().pending.pop_front());
        }
        Ok(port)
    }
    fn unmask(&self, port: Port) -> Result<(), SeamError> {
        let mut state = self.lock();
        state.unmasks += 1;
        if state.held.remove(&port) {
            state.pending.push_back(port);
            self.wake();
        } else {
            state.masked.remove(&port);
        }
        Ok(())
    }
    fn ready(&self) -> BorrowedFd<'_> {
        self.wake.1.as_fd()
    }
}

impl GrantMaps for World {
    fn map(&self, domid: DomId, grants: &[GrantRef], _: Access) -> Result<Box<dyn SharedPages>, MapError> {
        assert_eq!(grants, [GrantRef(0)], "the console's reserved grant");
        let mut state = self.lock();
        if !state.pages.contains_key(&domid) {
            return Err(SeamError::Refused { what: "grant map", errno: Errno::EINVAL }.into());
        }
        *state.mapped.entry(domid).or_default() += 1;
        Ok(Box::new(Page { world: self.clone(), domid }))
    }
}

struct Page {
    world: World,
    domid: DomId,
}

impl Page {
    fn with<R>(&self, offset: usize, length: usize, act: impl FnOnce(&mut [u8]) -> R) -> io::Result<R> {
        let mut state = self.world.lock();
        let page = state.pages.get_mut(&self.domid).ok_or(io::ErrorKind::NotFound)?;
        Ok(act(page.get_mut(offset..offset + length).ok_or(io::ErrorKind::InvalidInput)?))
    }
}

impl SharedPages for Page {
    fn len(&self) -> usize {
        4096
    }
    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        self.with(offset, into.len(), |bytes| into.copy_from_slice(bytes))
    }
    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        if !self.world.fuse.burn() {
            return Ok(());
        }
        self.with(offset, from.len(), |bytes| bytes.copy_from_slice(from))
    }
    fn zero(&self, offset: usize, length: usize) -> io::Result<()> {
        self.write(offset, &vec![0; length])
    }
    fn load_u32(&self, offset: usize) -> io::Result<u32> {
        self.with(offset, 4, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
    }
    fn store_u32(&self, offset: usize, value: u32) -> io::Result<()> {
        self.write(offset, &value.to_le_bytes())
    }
    fn barrier(&self) {}
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some(count) = self.world.lock().mapped.get_mut(&self.domid) {
            *count -= 1;
        }
    }
}
