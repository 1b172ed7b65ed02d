//! The places in an image.
//!
//! ```text
//!       0  magic, layout, spoilt, boot id          written once, but for `spoilt`
//!      64  epoch                                   the word that publishes a batch
//!     128  cell of even epochs | 192 of odd ones   a few words that change with every batch
//!     256  who is being served                     for whoever comes after a crash; no part of any batch
//!    4096  mailbox                                 the shell's own: what system calls in flight leave behind
//!     ...  block table                             a byte per block: the class of its slots, plus one; 0: not in use
//!     ...  blocks of 64 KiB                        slots of one size each
//! ```

use std::ops::Range;

/// What an image begins with.
pub(super) const MAGIC: [u8; 8] = *b"XENSTIMG";
/// Grows with every change to this file, to records and to what is in their bodies.
pub(super) const LAYOUT: u32 = 1;

pub(super) const LAYOUT_AT: usize = 8;
/// Not 0: the image misses something.
pub(super) const SPOILT_AT: usize = 12;
pub(super) const BOOT_AT: usize = 16;
pub(super) const EPOCH_AT: usize = 64;

/// The number of the client that is being served, or 0.
pub(super) const SERVING_AT: usize = 256;

/// Where the shell keeps what system calls in flight leave behind; the image never looks at it.
pub const MAILBOX: Range<usize> = 4096..4096 + 256 * 1024;

/// Bytes of a block.
pub(super) const BLOCK: usize = 64 * 1024;

/// The cell that belongs to an epoch.
pub(super) fn cell_at(epoch: u32) -> usize {
    if epoch.is_multiple_of(2) { 128 } else { 192 }
}

/// Where the table and the blocks are in an image of `len` bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    first: usize,
    pub count: usize,
}

impl Blocks {
    pub fn of(len: usize) -> Blocks {
        let first = (MAILBOX.end + len / BLOCK).next_multiple_of(BLOCK);
        Blocks { first, count: len.saturating_sub(first) / BLOCK }
    }

    /// Of a block's byte in the table.
    pub fn table_at(block: usize) -> usize {
        MAILBOX.end + block
    }

    pub fn at(self, block: usize) -> usize {
        self.first + block * BLOCK
    }
}

/// Sizes of slots in bytes: up to the longest message no record wastes more than an eighth of its slot, small ones less than 8 bytes.
#[rustfmt::skip]
pub(super) const CLASSES: [usize; 60] = [
    16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120,
    128, 144, 160, 176, 192, 208, 224, 240,
    256, 288, 320, 352, 384, 416, 448, 480,
    512, 576, 640, 704, 768, 832, 896, 960,
    1024, 1152, 1280, 1408, 1536, 1664, 1792, 1920,
    2048, 2304, 2560, 2816, 3072, 3328, 3584, 3840,
    // The longest message with what is said of it.
    4096, 4352, 8192, 16384, 32768, 65536,
];

/// The smallest class that holds this many bytes.
pub(super) fn class_of(len: usize) -> Option<usize> {
    let class = CLASSES.partition_point(|size| *size < len);
    (class < CLASSES.len()).then_some(class)
}
