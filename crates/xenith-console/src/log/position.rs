//! Which byte of which file is which index of the ring.

use serde::{Deserialize, Serialize};

/// No position file of ours is longer, in bytes.
pub const LIMIT: usize = 4096;

/// A byte of a file whose ring index is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The file, by inode.
    pub file: u64,
    /// The byte's offset.
    pub offset: u64,
    /// Its index in the ring.
    pub index: u32,
}

impl Anchor {
    /// The ring index of the byte at `length`, which is not before the anchor.
    pub fn index_at(&self, length: u64) -> u32 {
        // Indices are modulo 2^32, and so is the cut.
        self.index.wrapping_add(length.saturating_sub(self.offset) as u32)
    }
}

/// A position file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The life of the console that it belongs to.
    pub session: String,
    /// At most two: the file before a rotation and the one after.
    pub anchors: Vec<Anchor>,
}

impl Position {
    /// What a file says; one that says nothing sensible counts as none, since the ring's own index is then as good as anything.
    pub fn parse(bytes: &[u8]) -> Position {
        serde_json::from_slice(bytes).unwrap_or_default()
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        // A struct of strings and numbers always serializes; an empty file would be read as none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub fn anchor_of(&self, file: u64) -> Option<Anchor> {
        self.anchors.iter().find(|anchor| anchor.file == file).copied()
    }
}
