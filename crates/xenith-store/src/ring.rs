//! The ring that a domain shares with the store.
//!
//! ```text
//!   domain --> req[1024] --> store      req_prod: the domain's        req_cons: ours
//!   domain <-- rsp[1024] <-- store      rsp_cons: the domain's        rsp_prod: ours
//! ```
//!
//! The domain can write every byte at any moment. So each of its indices is loaded once, a distance over the ring's size ends the
//! conversation, and bytes are copied out before anybody looks at them. Ours are never read back: they are here, and the page hears of them
//! by [`Ring::publish`], once what they say is certain to outlive us. Messages (up to 4,112 bytes) are longer than the ring: halves are the
//! rule.

use std::io;

use xen_abi::io::xenstore;
use xen_hv::SharedPages;
use xen_store::server::RingError;

const REQUESTS: usize = xenstore::REQUESTS.newest().offset;
const REPLIES: usize = xenstore::REPLIES.newest().offset;
const REQ_CONS: usize = xenstore::REQ_CONS.newest().offset;
const REQ_PROD: usize = xenstore::REQ_PROD.newest().offset;
const RSP_CONS: usize = xenstore::RSP_CONS.newest().offset;
const RSP_PROD: usize = xenstore::RSP_PROD.newest().offset;
const FEATURES: usize = xenstore::SERVER_FEATURES.newest().offset;
const CONNECTION: usize = xenstore::CONNECTION.newest().offset;
const ERROR: usize = xenstore::ERROR.newest().offset;

/// Bytes of each direction.
const SIZE: u32 = xenstore::RING_SIZE;

/// Why a ring cannot be used any more.
#[derive(Debug, thiserror::Error)]
pub enum RingFault {
    /// The domain's indices are further apart than the ring is long.
    #[error("ring indices {consumer:#x} and {producer:#x} are more than {SIZE} apart")]
    Indices {
        /// The reader's index.
        consumer: u32,
        /// The writer's index.
        producer: u32,
    },
    /// The page cannot be reached.
    #[error("ring page: {0}")]
    Page(#[from] io::Error),
}

impl RingFault {
    /// What the domain is told.
    #[must_use]
    pub fn error(&self) -> RingError {
        match self {
            RingFault::Indices { .. } => RingError::Indices,
            RingFault::Page(_) => RingError::Communication,
        }
    }
}

/// How far the store is in both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Requests taken.
    pub req_cons: u32,
    /// Replies put.
    pub rsp_prod: u32,
}

/// The store's end of one ring.
pub struct Ring {
    pages: Box<dyn SharedPages>,
    at: Progress,
    /// What the page says; `None` where that is not known.
    published: Option<Progress>,
}

impl Ring {
    /// Takes the mapped page of a ring that a domain begins with: see [`Ring::reset`].
    #[must_use]
    pub fn new(pages: Box<dyn SharedPages>) -> Ring {
        Ring::going_on(pages, Progress::default())
    }

    /// Goes on where a store left off that could not say it in the page any more.
    #[must_use]
    pub fn going_on(pages: Box<dyn SharedPages>, at: Progress) -> Ring {
        Ring { pages, at, published: None }
    }

    /// Goes on with what the page says: dom0's kernel, which has begun already, or a domain of another xenstored.
    pub fn as_it_stands(pages: Box<dyn SharedPages>) -> Result<Ring, RingFault> {
        let at = Progress { req_cons: pages.load_u32(REQ_CONS)?, rsp_prod: pages.load_u32(RSP_PROD)? };
        Ok(Ring { pages, at, published: Some(at) })
    }

    /// How far we are, published or not.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.at
    }

    /// Takes up to `max` bytes of requests out of the ring and appends them to `into`. Gives how many.
    pub fn take(&mut self, max: usize, into: &mut Vec<u8>) -> Result<usize, RingFault> {
        let filled = distance(self.at.req_cons, self.pages.load_u32(REQ_PROD)?)?;
        let count = filled.min(u32::try_from(max).unwrap_or(u32::MAX));
        let mut left = count;
        while left > 0 {
            let at = self.at.req_cons.wrapping_add(count - left) % SIZE;
            let part = left.min(SIZE - at);
            let start = into.len();
            into.resize(start + part as usize, 0);
            self.pages.read(REQUESTS + at as usize, into.get_mut(start..).unwrap_or_default())?;
            left -= part;
        }
        self.at.req_cons = self.at.req_cons.wrapping_add(count);
        Ok(count as usize)
    }

    /// How many bytes of replies fit into the ring now.
    pub fn space(&self) -> Result<usize, RingFault> {
        let filled = distance(self.pages.load_u32(RSP_CONS)?, self.at.rsp_prod)?;
        Ok((SIZE - filled) as usize)
    }

    /// Puts as many bytes of replies into the ring as fit. Gives how many.
    pub fn put(&mut self, bytes: &[u8]) -> Result<usize, RingFault> {
        let bytes = bytes.get(..self.space()?).unwrap_or(bytes);
        let at = self.at.rsp_prod % SIZE;
        let (head, tail) = bytes.split_at(bytes.len().min((SIZE - at) as usize));
        self.pages.write(REPLIES + at as usize, head)?;
        if !tail.is_empty() {
            self.pages.write(REPLIES, tail)?;
        }
        self.at.rsp_prod = self.at.rsp_prod.wrapping_add(bytes.len() as u32);
        Ok(bytes.len())
    }

    /// Lets the domain see how far we are.
    pub fn publish(&mut self) -> Result<(), RingFault> {
        let Progress { req_cons, rsp_prod } = self.at;
        if self.published.is_none_or(|published| published.req_cons != req_cons) {
            self.pages.store_u32(REQ_CONS, req_cons)?;
        }
        if self.published.is_none_or(|published| published.rsp_prod != rsp_prod) {
            self.pages.store_u32(RSP_PROD, rsp_prod)?;
        }
        self.published = Some(self.at);
        Ok(())
    }

    /// Whether there is something to do that no event announces. Look after [`Ring::publish`]: Linux sends an event for a request only where we
    /// had taken all before it, and for room only where the ring was full (`xb_write` and `xb_read`, drivers/xen/xenbus/xenbus_comms.c since
    /// 4.11), and all that it knows of us is what is published.
    pub fn has_more(&self, wants_room: bool) -> Result<bool, RingFault> {
        self.pages.barrier();
        let requests = self.pages.load_u32(REQ_PROD)? != self.at.req_cons;
        Ok(requests || (wants_room && self.space()? > 0))
    }

    /// Empties both directions: a domain that was introduced, for the first time or again.
    pub fn reset(&mut self) -> Result<(), RingFault> {
        self.at = Progress::default();
        self.published = Some(self.at);
        for index in [REQ_CONS, REQ_PROD, RSP_CONS, RSP_PROD] {
            self.pages.store_u32(index, 0)?;
        }
        Ok(())
    }

    /// Says what the store can do, and that no error stands.
    pub fn greet(&self, features: u32) -> Result<(), RingFault> {
        self.pages.store_u32(FEATURES, features)?;
        self.pages.store_u32(ERROR, xenstore::ERROR_NONE)?;
        Ok(())
    }

    /// Answers a domain that waits for the store to come (dom0less), if it does. Gives whether it did.
    pub fn answer_reconnect(&self) -> Result<bool, RingFault> {
        let waits = self.pages.load_u32(CONNECTION)? == xenstore::RECONNECT;
        if waits {
            self.pages.store_u32(CONNECTION, xenstore::CONNECTED)?;
        }
        Ok(waits)
    }

    /// Tells the domain why nobody listens any more.
    pub fn fail(&self, error: RingError) -> Result<(), RingFault> {
        self.pages.store_u32(ERROR, error.number())?;
        Ok(())
    }
}

/// How far the writer is ahead of the reader.
fn distance(consumer: u32, producer: u32) -> Result<u32, RingFault> {
    let filled = producer.wrapping_sub(consumer);
    if filled > SIZE { Err(RingFault::Indices { consumer, producer }) } else { Ok(filled) }
}
