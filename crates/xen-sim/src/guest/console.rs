//! The guest's end of its console ring: output with backpressure, input by line.
//!
//! ```text
//!   say() -> queue -> out ring (as much as fits; the rest waits for an event) -> notice
//!   in ring -> echo of what was typed -> lines
//! ```

use std::collections::VecDeque;

use xen_abi::Port;
use xen_abi::io::console as abi;

use super::script::{Script, Settings};
use super::{Ring, place};

const IN_BYTES: u32 = 1024;
const OUT_BYTES: u32 = 2048;
/// The longest line that is kept.
const LINE_MAX: usize = 4096;

const IN: usize = place(&abi::IN);
const OUT: usize = place(&abi::OUT);
const IN_CONS: usize = place(&abi::IN_CONS);
const IN_PROD: usize = place(&abi::IN_PROD);
const OUT_CONS: usize = place(&abi::OUT_CONS);
const OUT_PROD: usize = place(&abi::OUT_PROD);

/// The ring and what waits for it.
pub(super) struct Console {
    ring: Ring,
    queue: VecDeque<u8>,
    /// Bytes of a flood still to come.
    flood: std::ops::Range<u64>,
    written: u64,
    heard: Vec<u8>,
    line: Vec<u8>,
    notice: bool,
    hostile: bool,
}

/// Byte `index` of what a flooding guest writes: lines of 16 bytes, each with its number in hexadecimal.
pub(super) fn flood_byte(index: u64) -> u8 {
    let line = format!("{:015x}\n", index / 16);
    line.as_bytes().get((index % 16) as usize).copied().unwrap_or(b'\n')
}

impl Console {
    pub(super) fn new(ring: Ring, settings: &Settings, hello: &str) -> Console {
        let flood = if settings.script == Script::Flood { 0..settings.flood_bytes } else { 0..0 };
        let hostile = settings.script == Script::HostileConsole;
        Console { ring, queue: hello.bytes().collect(), flood, written: 0, heard: Vec::new(), line: Vec::new(), notice: false, hostile }
    }

    fn load(&self, offset: usize) -> u32 {
        self.ring.page.load_u32(offset)
    }

    pub(super) fn say(&mut self, text: &str) {
        self.queue.extend(text.bytes());
    }

    pub(super) fn written(&self) -> u64 {
        self.written
    }

    pub(super) fn heard(&self) -> &[u8] {
        &self.heard
    }

    /// Whether everything said is in the ring.
    pub(super) fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.flood.is_empty()
    }

    /// The port to notify, once after something moved.
    pub(super) fn take_notice(&mut self) -> Option<Port> {
        std::mem::take(&mut self.notice).then_some(self.ring.port)
    }

    /// Moves what can move; gives the lines that were typed.
    pub(super) fn turn(&mut self) -> Vec<String> {
        if self.hostile {
            self.ring.page.store_u32(OUT_PROD, self.load(OUT_CONS).wrapping_add(0x7fff_0000));
            self.notice = true;
            return Vec::new();
        }
        let lines = self.receive();
        self.transmit();
        lines
    }

    /// Sends what was said; what is typed stays for the next turn.
    pub(super) fn push(&mut self) {
        if !self.hostile {
            self.transmit();
        }
    }

    fn transmit(&mut self) {
        let (cons, mut prod) = (self.load(OUT_CONS), self.load(OUT_PROD));
        while prod.wrapping_sub(cons) < OUT_BYTES {
            let Some(byte) = self.queue.pop_front().or_else(|| self.flood.next().map(flood_byte)) else { break };
            self.ring.page.write(OUT + (prod % OUT_BYTES) as usize, &[byte]);
            prod = prod.wrapping_add(1);
            self.written += 1;
            self.notice = true;
        }
        self.ring.page.store_u32(OUT_PROD, prod);
    }

    fn receive(&mut self) -> Vec<String> {
        let (mut cons, prod) = (self.load(IN_CONS), self.load(IN_PROD));
        let mut lines = Vec::new();
        if prod.wrapping_sub(cons) > IN_BYTES {
            return lines;
        }
        while cons != prod {
            let mut byte = [0];
            self.ring.page.read(IN + (cons % IN_BYTES) as usize, &mut byte);
            lines.extend(self.take(byte[0]));
            cons = cons.wrapping_add(1);
            self.notice = true;
        }
        self.ring.page.store_u32(IN_CONS, cons);
        lines
    }

    /// Takes one typed byte: echoes it, and gives the line that it ends.
    fn take(&mut self, byte: u8) -> Option<String> {
        self.heard.push(byte);
        if byte != b'\r' && byte != b'\n' {
            self.queue.push_back(byte);
            if self.line.len() < LINE_MAX {
                self.line.push(byte);
            }
            return None;
        }
        self.say("\r\n");
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).trim().to_owned();
        (!line.is_empty()).then_some(line)
    }
}

/// Bytes `range` of what a flooding guest writes after its hello line.
#[must_use]
pub fn flood_bytes(range: std::ops::Range<u64>) -> Vec<u8> {
    range.map(flood_byte).collect()
}
