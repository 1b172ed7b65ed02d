//! A client of one store: a tools socket, or a guest behind the file of its ring.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

use xen_store::wire::{self, Message, MsgType, Parser};

use crate::allowed::Answer;
use crate::store::PATIENCE;

const RING: u32 = 1024;
// Words of the page: xen/include/public/io/xs_wire.h.
const REQ_CONS: u64 = 2048;
const REQ_PROD: u64 = 2052;
const RSP_CONS: u64 = 2056;
const RSP_PROD: u64 = 2060;
const ERROR: u64 = 2072;
/// The port of VIRQ_DOM_EXC.
const DOM_EXC: u32 = 1;

enum Way {
    Socket(UnixStream),
    Ring { page: File, channel: UnixDatagram, store: PathBuf, domid: u16 },
}

pub struct Client {
    way: Way,
    parser: Parser,
    /// Events since they were last taken, each as its payload.
    pub events: Vec<Vec<u8>>,
}

impl Client {
    pub fn socket(directory: &Path) -> Client {
        let socket = UnixStream::connect(directory.join("socket")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Client { way: Way::Socket(socket), parser: Parser::default(), events: Vec::new() }
    }

    pub fn ring(directory: &Path, domid: u16) -> Client {
        let page = OpenOptions::new().read(true).write(true).open(directory.join(format!("ring.{domid}"))).unwrap();
        let channel = UnixDatagram::bind(directory.join(format!("ev.{domid}"))).unwrap();
        channel.set_read_timeout(Some(std::time::Duration::from_millis(20))).unwrap();
        let way = Way::Ring { page, channel, store: directory.join("evtchn"), domid };
        Client { way, parser: Parser::default(), events: Vec::new() }
    }

    /// Asks and waits for the reply; events meanwhile are kept. None: the store ended the conversation, or is silent.
    pub fn ask(&mut self, kind: u32, tx_id: u32, payload: &[u8]) -> Option<Answer> {
        let mut bytes = Vec::new();
        wire::encode(kind, 7, tx_id, payload, &mut bytes).unwrap();
        self.send(&bytes)?;
        loop {
            let message = self.next()?;
            if message.kind != MsgType::WatchEvent.number() {
                return Some((message.kind, message.payload));
            }
            self.events.push(message.payload);
        }
    }

    /// The next event, also one that came before.
    pub fn event(&mut self) -> Option<Vec<u8>> {
        if self.events.is_empty() {
            let message = self.next()?;
            self.events.push(message.payload);
        }
        self.events.pop()
    }

    /// What was heard is of another life.
    pub fn forget(&mut self) {
        (self.parser, self.events) = (Parser::default(), Vec::new());
    }

    /// The ring of a new domain.
    pub fn clear(&mut self) {
        if let Way::Ring { page, .. } = &self.way {
            page.write_all_at(&[0; 4096], 0).unwrap();
        }
    }

    /// Xen tells the store that something happened to a domain.
    pub fn domain_event(&self) {
        if let Way::Ring { channel, store, .. } = &self.way {
            channel.send_to(&DOM_EXC.to_le_bytes(), store).unwrap();
        }
    }

    /// A header that promises too much. Gives what came of it: the end of the socket, or the ring's error word.
    pub fn say_too_much(&mut self, kind: u32, directory: &Path) -> Option<Answer> {
        let header = [kind, 7, 0, 4097].map(u32::to_le_bytes).concat();
        self.send(&header)?;
        self.forget();
        if let Way::Socket(socket) = &mut self.way {
            let closed = matches!(socket.read(&mut [0; 64]), Ok(0) | Err(_));
            self.way = Client::socket(directory).way;
            return Some((closed.into(), b"socket".to_vec()));
        }
        let Way::Ring { page, channel, .. } = &self.way else { return None };
        let begun = Instant::now();
        while word(page, ERROR) == 0 && begun.elapsed() < PATIENCE {
            let _ = channel.recv(&mut [0; 8]);
        }
        Some((word(page, ERROR), b"ring".to_vec()))
    }

    fn next(&mut self) -> Option<Message> {
        let begun = Instant::now();
        loop {
            if let Some(message) = self.parser.next_message().unwrap() {
                return Some(message);
            }
            self.receive()?;
            if begun.elapsed() > PATIENCE {
                return None;
            }
        }
    }

    fn receive(&mut self) -> Option<()> {
        match &mut self.way {
            Way::Socket(socket) => {
                let mut bytes = [0; 8192];
                let count = socket.read(&mut bytes).ok().filter(|count| *count > 0)?;
                self.parser.push(&bytes[..count]);
            }
            Way::Ring { page, channel, store, domid } => {
                let (consumed, produced) = (word(page, RSP_CONS), word(page, RSP_PROD));
                let count = produced.wrapping_sub(consumed);
                if count == 0 {
                    let _ = channel.recv(&mut [0; 8]);
                    return Some(());
                }
                let mut bytes = [0; RING as usize];
                page.read_exact_at(&mut bytes, 1024).unwrap();
                let taken: Vec<u8> = (0..count).map(|at| bytes[(consumed.wrapping_add(at) % RING) as usize]).collect();
                self.parser.push(&taken);
                page.write_all_at(&produced.to_le_bytes(), RSP_CONS).unwrap();
                notify(channel, store, *domid);
            }
        }
        Some(())
    }

    fn send(&mut self, mut bytes: &[u8]) -> Option<()> {
        let begun = Instant::now();
        while !bytes.is_empty() {
            match &mut self.way {
                Way::Socket(socket) => {
                    socket.write_all(bytes).ok()?;
                    bytes = &[];
                }
                Way::Ring { page, channel, store, domid } => {
                    let (consumed, produced) = (word(page, REQ_CONS), word(page, REQ_PROD));
                    let room = RING - produced.wrapping_sub(consumed);
                    let (now, later) = bytes.split_at(bytes.len().min(room as usize));
                    for (at, byte) in (produced..).zip(now) {
                        page.write_all_at(&[*byte], u64::from(at % RING)).unwrap();
                    }
                    page.write_all_at(&(produced + now.len() as u32).to_le_bytes(), REQ_PROD).unwrap();
                    notify(channel, store, *domid);
                    bytes = later;
                    if now.is_empty() {
                        self.receive()?;
                    }
                }
            }
            if begun.elapsed() > PATIENCE {
                return None;
            }
        }
        Some(())
    }
}

fn word(page: &File, at: u64) -> u32 {
    let mut bytes = [0; 4];
    page.read_exact_at(&mut bytes, at).unwrap();
    u32::from_le_bytes(bytes)
}

fn notify(channel: &UnixDatagram, store: &Path, domid: u16) {
    let _ = channel.send_to(&(1000 + u32::from(domid)).to_le_bytes(), store);
}
