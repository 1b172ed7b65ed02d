//! One hypercall as a relocatable image.
//!
//! ```text
//!   Call { number: domctl, args: [Buffer 0, 0, 0, 0, 0] }
//!     buffers[0]  InOut  144 bytes  ........[word at 24]....
//!                                               | patch: address of buffer 1
//!     buffers[1]  In     512 bytes  <-----------+
//! ```
//!
//! `xen-sys` copies the buffers into memory that Xen can reach, writes addresses at the patch points, issues the call, puts the patched words
//! back as they were and copies the buffers out. `xen-sim` resolves the same patch points by index. No address exists above either.

use crate::layout::OutOfRecord;
use crate::release::Release;

/// Which way a buffer's bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From us to Xen.
    In,
    /// From Xen to us.
    Out,
    /// Both.
    InOut,
}

/// Memory that the call hands to Xen by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Which way the bytes travel.
    pub direction: Direction,
    /// The bytes; after the call, what Xen left there.
    pub bytes: Vec<u8>,
}

/// One of the five argument words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arg {
    /// The word itself.
    Word(u64),
    /// The address of this buffer.
    Address(usize),
}

/// A 64-bit word inside a buffer that holds the address of another buffer while the call runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patch {
    /// Index of the buffer that holds the word.
    pub buffer: usize,
    /// The word's offset in it, in bytes.
    pub offset: usize,
    /// Index of the buffer whose address it holds. A null pointer needs no patch.
    pub target: usize,
}

/// One hypercall as a value, without an address in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What the call is named in traces and errors: `domctl createdomain`.
    pub name: &'static str,
    /// `__HYPERVISOR_*` (public/xen.h).
    pub number: u32,
    /// The five words.
    pub args: [Arg; 5],
    /// The memory that it hands over.
    pub buffers: Vec<Buffer>,
    /// Where addresses go.
    pub patches: Vec<Patch>,
}

impl Call {
    /// A call without buffers, all words zero.
    #[must_use]
    pub fn new(name: &'static str, number: u32) -> Call {
        Call { name, number, args: [Arg::Word(0); 5], buffers: Vec::new(), patches: Vec::new() }
    }

    /// The same call with word `index` (0 to 4) set; a higher index is ignored.
    #[must_use]
    pub fn arg(mut self, index: usize, arg: Arg) -> Call {
        if let Some(slot) = self.args.get_mut(index) {
            *slot = arg;
        }
        self
    }

    /// The same call with one more buffer, whose index is the number of those before it.
    #[must_use]
    pub fn buffer(mut self, direction: Direction, bytes: Vec<u8>) -> Call {
        self.buffers.push(Buffer { direction, bytes });
        self
    }

    /// The same call with the address of buffer `target` at `offset` of `buffer`.
    #[must_use]
    pub fn patch(mut self, buffer: usize, offset: usize, target: usize) -> Call {
        self.patches.push(Patch { buffer, offset, target });
        self
    }

    /// The bytes of buffer `index`; empty where there is none.
    #[must_use]
    pub fn bytes(&self, index: usize) -> &[u8] {
        self.buffers.get(index).map_or(&[], |buffer| &buffer.bytes)
    }
}

/// Why an operation has no bytes, or its answer no meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperationError {
    /// The release has no such operation, or no way to say this request.
    #[error("Xen {release} has no {what}")]
    Unsupported {
        /// The release asked.
        release: Release,
        /// What it lacks.
        what: &'static str,
    },
    /// A value that the layout cannot carry, or a length over its bound.
    #[error("{what}: {value} is outside {bound}")]
    OutOfRange {
        /// The field.
        what: &'static str,
        /// What was asked.
        value: u64,
        /// What fits.
        bound: &'static str,
    },
    /// Xen's answer is not what its release says.
    #[error("Xen's answer does not fit its release: {0}")]
    Malformed(String),
}

impl From<OutOfRecord> for OperationError {
    fn from(outside: OutOfRecord) -> Self {
        OperationError::Malformed(outside.to_string())
    }
}

/// A typed request that has bytes on every release that knows it.
pub trait Operation {
    /// What a successful answer means.
    type Reply;

    /// The request as a call for this release.
    fn encode(&self, release: &Release) -> Result<Call, OperationError>;

    /// What the call's buffers tell about a refusal beyond its error number.
    fn explain(&self, release: &Release, call: &Call) -> Option<String> {
        let _ = (release, call);
        None
    }

    /// The reply, from Xen's return value (zero or positive: errors never come here) and the call's buffers after it.
    fn decode(&self, release: &Release, value: i64, call: &Call) -> Result<Self::Reply, OperationError>;
}
