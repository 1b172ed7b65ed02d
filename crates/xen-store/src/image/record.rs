//! What an image is made of.

use super::slab::Slot;

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Node = 1,
    Watch,
    Connection,
    Frame,
    Input,
    Transaction,
    Logged,
    Domain,
    Settings,
}

impl Kind {
    const ALL: [Kind; 9] = [
        Kind::Node,
        Kind::Watch,
        Kind::Connection,
        Kind::Frame,
        Kind::Input,
        Kind::Transaction,
        Kind::Logged,
        Kind::Domain,
        Kind::Settings,
    ];

    pub(super) fn from_number(number: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u8 == number)
    }
}

/// State byte, kind byte, length of the body.
pub(super) const RECORD_HEADER: usize = 4;

pub(super) const FREE: u8 = 0;
pub(super) const LIVE: u8 = 1;
/// And 3, by the parity of the epoch.
pub(super) const NEW: u8 = 2;
/// And 5.
pub(super) const DYING: u8 = 4;

/// Words that change with every commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub received: u64,
    pub sent: u64,
    pub generation: u64,
    pub next_connection: u64,
}

impl Cell {
    pub(super) const LEN: usize = 32;

    pub(super) fn encode(self) -> [u8; Cell::LEN] {
        let mut bytes = [0; Cell::LEN];
        let words = [self.received, self.sent, self.generation, self.next_connection];
        for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    pub(super) fn decode(bytes: [u8; Cell::LEN]) -> Cell {
        let mut words = bytes.chunks_exact(8).map(|word| word.first_chunk().map_or(0, |word| u64::from_le_bytes(*word)));
        let mut next = || words.next().unwrap_or_default();
        Cell { received: next(), sent: next(), generation: next(), next_connection: next() }
    }
}

/// One record, as the last commit left it.
#[derive(Clone, Debug)]
pub(crate) struct Record<'a> {
    pub slot: Slot,
    pub kind: Kind,
    pub body: &'a [u8],
}
