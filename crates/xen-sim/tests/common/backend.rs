//! The dom0 side of the two rings, small: a store that answers from a map, and a console that reads and types.

use std::collections::BTreeMap;

use xen_abi::{DomId, GrantRef, Port};
use xen_hv::{Access, Dom0StoreRing, EventChannels, GrantMaps, SharedPages};
use xen_sim::Handle;

/// A ring of either kind: where its bytes and its two pairs of indices are.
pub struct Ring {
    handle: Handle,
    pages: Box<dyn SharedPages>,
    port: Port,
}

impl Ring {
    pub fn connect(handle: &Handle, domid: DomId, grant: GrantRef, remote: Port) -> Ring {
        let pages = GrantMaps::map(handle, domid, &[grant], Access::ReadWrite).unwrap();
        let port = handle.bind_interdomain(domid, remote).unwrap();
        Ring { handle: handle.clone(), pages, port }
    }

    /// dom0's own ring, from the kernel's two files.
    pub fn of_dom0(handle: &Handle) -> Ring {
        let (pages, kernel) = handle.open().unwrap();
        let port = handle.bind_interdomain(DomId::DOM0, kernel).unwrap();
        Ring { handle: handle.clone(), pages, port }
    }

    fn load(&self, offset: usize) -> u32 {
        self.pages.load_u32(offset).unwrap()
    }

    /// Takes up to `most` bytes from the ring at `bytes` of `size`.
    fn take(&self, bytes: usize, size: u32, cons_at: usize, prod_at: usize, most: usize) -> Vec<u8> {
        let (mut cons, prod) = (self.load(cons_at), self.load(prod_at));
        let mut taken = Vec::new();
        assert!(prod.wrapping_sub(cons) <= size, "hostile indices: {cons} {prod}");
        while cons != prod && taken.len() < most {
            let mut byte = [0];
            self.pages.read(bytes + (cons % size) as usize, &mut byte).unwrap();
            taken.extend(byte);
            cons = cons.wrapping_add(1);
        }
        self.pages.store_u32(cons_at, cons).unwrap();
        taken
    }

    fn put(&self, bytes: usize, size: u32, cons_at: usize, prod_at: usize, from: &[u8]) {
        let (cons, mut prod) = (self.load(cons_at), self.load(prod_at));
        assert!(prod.wrapping_sub(cons) + from.len() as u32 <= size, "the reply does not fit");
        for byte in from {
            self.pages.write(bytes + (prod % size) as usize, &[*byte]).unwrap();
            prod = prod.wrapping_add(1);
        }
        self.pages.store_u32(prod_at, prod).unwrap();
    }

    pub fn notify(&self) {
        self.handle.notify(self.port).unwrap();
    }

    pub fn output(&self, most: usize) -> Vec<u8> {
        self.take(1024, 2048, 3080, 3084, most)
    }

    pub fn type_in(&self, text: &str) {
        self.put(0, 1024, 3072, 3076, text.as_bytes());
        self.notify();
    }
}

/// A store for one domain.
pub struct Store {
    pub ring: Ring,
    pub nodes: BTreeMap<String, String>,
    pub watches: Vec<(String, String)>,
    input: Vec<u8>,
}

impl Store {
    pub fn connect(handle: &Handle, domid: DomId, remote: Port) -> Store {
        Store::on(Ring::connect(handle, domid, GrantRef(1), remote), domid)
    }

    pub fn on(ring: Ring, domid: DomId) -> Store {
        let nodes = [("domid", domid.0.to_string()), ("name", format!("guest-{}", domid.0))];
        Store { ring, nodes: nodes.map(|(path, value)| (path.to_owned(), value)).into(), watches: Vec::new(), input: Vec::new() }
    }

    fn reply(&self, kind: u32, id: u32, payload: &[u8]) {
        let mut message: Vec<u8> = [kind, id, 0, payload.len() as u32].iter().flat_map(|word| word.to_le_bytes()).collect();
        message.extend(payload);
        self.ring.put(1024, 1024, 2056, 2060, &message);
        self.ring.notify();
    }

    /// Answers requests until there are none.
    pub fn serve(&mut self) {
        loop {
            let taken = self.ring.take(0, 1024, 2048, 2052, usize::MAX);
            if !taken.is_empty() {
                self.ring.notify();
            }
            self.input.extend(taken);
            let Some((kind, id, payload)) = self.message() else { return };
            self.answer(kind, id, &payload);
        }
    }

    fn message(&mut self) -> Option<(u32, u32, Vec<u8>)> {
        let word = |at: usize| self.input.get(at..at + 4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap()));
        let (kind, id, length) = (word(0)?, word(4)?, word(12)? as usize);
        let payload = self.input.get(16..16 + length)?.to_vec();
        self.input.drain(..16 + length);
        Some((kind, id, payload))
    }

    fn answer(&mut self, kind: u32, id: u32, payload: &[u8]) {
        let text = String::from_utf8_lossy(payload).into_owned();
        let (path, value) = text.split_once('\0').unwrap_or((&text, ""));
        match kind {
            2 => match self.nodes.get(path) {
                Some(found) => self.reply(2, id, found.clone().as_bytes()),
                None => self.reply(16, id, b"ENOENT\0"),
            },
            4 => {
                let token = value.trim_end_matches('\0').to_owned();
                self.watches.push((path.to_owned(), token.clone()));
                self.reply(4, id, b"OK\0");
                self.fire(path, &token);
            }
            11 => {
                self.nodes.insert(path.to_owned(), value.to_owned());
                self.reply(11, id, b"OK\0");
            }
            other => self.reply(other, id, b"OK\0"),
        }
    }

    fn fire(&self, path: &str, token: &str) {
        self.reply(15, 0, format!("{path}\0{token}\0").as_bytes());
    }

    /// Writes a node as the toolstack would, and fires the guest's watch on it.
    pub fn write(&mut self, path: &str, value: &str) {
        self.nodes.insert(path.to_owned(), value.to_owned());
        for (watched, token) in self.watches.clone() {
            if path == watched || path.starts_with(&format!("{watched}/")) {
                self.fire(path, &token);
            }
        }
        self.serve();
    }
}
