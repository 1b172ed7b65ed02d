//! The console ring (public/io/console.h, the same from 4.14 to 4.22): one page, 1 KiB towards the guest, 2 KiB from it.
//!
//! ```text
//!   in  [1024]   ours: in_prod ---->  guest: in_cons         keys
//!   out [2048]   guest: out_prod -->  ours: out_cons         output
//!
//!   indices run freely over 32 bits; what a ring holds is prod - cons, and an index taken modulo the ring's size is the place
//! ```
//!
//! The guest can write every word of the page, ours too. So we keep our two indices ourselves and only publish them; the guest's are read
//! once per use and believed only within the ring's size. A guest that goes beyond is told apart ([`RingError::Hostile`]) and harms
//! nothing but its own console.

use std::io;

use xen_abi::io::console as page;
use xen_hv::SharedPages;

#[cfg(test)]
mod tests;

/// How much output a ring holds, in bytes.
pub const OUT_SIZE: u32 = page::OUT.newest().width as u32;
const OUT: usize = page::OUT.newest().offset;
const IN: usize = page::IN.newest().offset;
const IN_SIZE: u32 = page::IN.newest().width as u32;
const IN_CONS: usize = page::IN_CONS.newest().offset;
const IN_PROD: usize = page::IN_PROD.newest().offset;
const OUT_CONS: usize = page::OUT_CONS.newest().offset;
const OUT_PROD: usize = page::OUT_PROD.newest().offset;
/// A byte that releases before 4.21 leave unused.
const CONNECTION: usize = page::CONNECTION.newest().offset;

/// Why a ring cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The guest's index is farther from ours than the ring is long: no honest frontend does that.
    #[error("hostile {ring} ring: indices {prod:#x} and {cons:#x} are more than {size} bytes apart")]
    Hostile {
        /// `in` or `out`.
        ring: &'static str,
        /// The producer's index.
        prod: u32,
        /// The consumer's index.
        cons: u32,
        /// The ring's size in bytes.
        size: u32,
    },
    /// The page cannot be reached.
    #[error("console page: {0}")]
    Pages(#[from] io::Error),
}

/// One direction of the page.
struct Half {
    name: &'static str,
    offset: usize,
    size: u32,
}

const INWARD: Half = Half { name: "in", offset: IN, size: IN_SIZE };
const OUTWARD: Half = Half { name: "out", offset: OUT, size: OUT_SIZE };

impl Half {
    /// How much lies between the indices, in bytes.
    fn used(&self, prod: u32, cons: u32) -> Result<u32, RingError> {
        let used = prod.wrapping_sub(cons);
        if used > self.size {
            return Err(RingError::Hostile { ring: self.name, prod, cons, size: self.size });
        }
        Ok(used)
    }

    /// Where `length` bytes from `index` on lie: up to the ring's end, and the rest at its start.
    fn split(&self, index: u32, length: u32) -> (usize, usize) {
        let place = index % self.size;
        let first = length.min(self.size - place);
        (self.offset + place as usize, first as usize)
    }
}

/// The backend's end of a console ring.
pub struct ConsoleRing {
    page: Box<dyn SharedPages>,
    out_cons: u32,
    in_prod: u32,
}

impl ConsoleRing {
    /// Takes the page over, going on from the two indices of ours that an earlier backend left in it, and says that the console is served.
    /// Fails where the page is too short.
    pub fn new(page: Box<dyn SharedPages>) -> Result<ConsoleRing, RingError> {
        if page.len() <= CONNECTION {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let out_cons = page.load_u32(OUT_CONS)?;
        let in_prod = page.load_u32(IN_PROD)?;
        page.write(CONNECTION, &[page::CONNECTED])?;
        Ok(ConsoleRing { page, out_cons, in_prod })
    }

    /// Index of the next byte of output that we have not taken.
    #[must_use]
    pub fn out_cons(&self) -> u32 {
        self.out_cons
    }

    /// Whether our index in the page is the one that we published last: a toolstack that empties the ring sets it to 0.
    pub fn is_as_left(&self) -> Result<bool, RingError> {
        Ok(self.page.load_u32(OUT_CONS)? == self.out_cons)
    }

    /// How much output waits, in bytes.
    pub fn waiting(&self) -> Result<u32, RingError> {
        OUTWARD.used(self.page.load_u32(OUT_PROD)?, self.out_cons)
    }

    /// Copies waiting output, as much as `into` takes, and leaves it in the ring. Gives the number of bytes.
    pub fn peek(&self, into: &mut [u8]) -> Result<usize, RingError> {
        let waiting = self.waiting()? as usize;
        let length = waiting.min(into.len());
        let (place, first) = OUTWARD.split(self.out_cons, length as u32);
        let (head, tail) = into.split_at_mut(first.min(length));
        self.page.read(place, head)?;
        if let Some(tail) = tail.get_mut(..length - first) {
            self.page.read(OUT, tail)?;
        }
        Ok(length)
    }

    /// Gives `count` bytes of output back to the guest, after they are safe elsewhere. The guest must be notified then.
    pub fn consume(&mut self, count: u32) -> Result<(), RingError> {
        let out_cons = self.out_cons.wrapping_add(count);
        self.page.store_u32(OUT_CONS, out_cons)?;
        self.out_cons = out_cons;
        Ok(())
    }

    /// How much input the guest has room for, in bytes.
    pub fn room(&self) -> Result<u32, RingError> {
        Ok(IN_SIZE - INWARD.used(self.in_prod, self.page.load_u32(IN_CONS)?)?)
    }

    /// Puts input into the ring, as much as there is room for, and gives the number of bytes. The guest must be notified then.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, RingError> {
        let length = bytes.len().min(self.room()? as usize);
        let (place, first) = INWARD.split(self.in_prod, length as u32);
        let (head, tail) = bytes.get(..length).unwrap_or_default().split_at(first);
        self.page.write(place, head)?;
        self.page.write(IN, tail)?;
        let in_prod = self.in_prod.wrapping_add(length as u32);
        self.page.store_u32(IN_PROD, in_prod)?;
        self.in_prod = in_prod;
        Ok(length)
    }
}
