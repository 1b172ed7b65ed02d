//! The transport traits, one per privilege, so that a role can be given exactly the rights it needs.
//!
//! | trait | Linux device node | who has it |
//! | --- | --- | --- |
//! | [`Hypercalls`] | /dev/xen/privcmd + /dev/xen/hypercall | control; the store's keeper |
//! | [`ForeignMemory`] | /dev/xen/privcmd | control |
//! | [`EventChannels`] | /dev/xen/evtchn | store, console, backends |
//! | [`GrantMaps`] | /dev/xen/gntdev | store, console, backends |
//! | [`Dom0StoreRing`] | /proc/xen/xsd_kva, xsd_port | store |
//! | [`SocketMail`] | none: sockets, and memory that outlives the process | the store's worker |
//!
//! Every implementation is safe to share between threads and blocks nobody: waiting is done on [`EventChannels::ready`] with poll.

use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use xen_abi::{Call, DomId, Errno, Gfn, GrantRef, Port};

/// The way to Xen failed, as against Xen's own refusal.
#[derive(Debug, thiserror::Error)]
pub enum SeamError {
    /// Xen answered the operation with an error.
    #[error("{what}: {errno}")]
    Refused {
        /// The operation: `evtchn bind_interdomain`.
        what: &'static str,
        /// What Xen, or the kernel on its behalf, said.
        errno: Errno,
    },
    /// The device node is missing or may not be opened.
    #[error("cannot open {node}: {source}")]
    Node {
        /// The node's path.
        node: String,
        /// The kernel's reason.
        source: io::Error,
    },
    /// The call is not well formed: a patch or an argument outside its buffers, or more memory than the transport takes.
    #[error("{what} is not well formed: {reason}")]
    BadCall {
        /// The call.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The kernel failed in another way.
    #[error("{what}: {source}")]
    Io {
        /// The operation.
        what: &'static str,
        /// The kernel's reason.
        source: io::Error,
    },
}

impl SeamError {
    /// The error number, where the failure has one.
    #[must_use]
    pub fn errno(&self) -> Option<Errno> {
        match self {
            SeamError::Refused { errno, .. } => Some(*errno),
            SeamError::Node { source, .. } | SeamError::Io { source, .. } => source.raw_os_error().map(Errno),
            SeamError::BadCall { .. } => None,
        }
    }
}

/// Issues hypercalls (privcmd).
pub trait Hypercalls: Send + Sync {
    /// Issues the call and copies Out and InOut buffers back into it. Returns Xen's value, zero or positive; a negative one comes back as
    /// [`SeamError::Refused`] with the call's buffers copied out all the same, since several operations tell more there.
    fn issue(&self, call: &mut Call) -> Result<i64, SeamError>;
}

/// Whether a mapping may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Read and write.
    ReadWrite,
}

/// A mapping that failed, frame by frame.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// Some frames could not be mapped; none stays mapped.
    #[error("{what} of {domid}: {} of {total} frames failed, the first at index {} with {}", failed.len(), first(failed).0, first(failed).1)]
    Frames {
        /// `foreign map` or `grant map`.
        what: &'static str,
        /// Whose memory.
        domid: DomId,
        /// How many frames were asked.
        total: usize,
        /// Index and error of each failed frame, at least one.
        failed: Vec<(usize, Errno)>,
    },
    /// The mapping failed as a whole.
    #[error(transparent)]
    Seam(#[from] SeamError),
}

fn first(failed: &[(usize, Errno)]) -> (usize, Errno) {
    failed.first().copied().unwrap_or((0, Errno(0)))
}

/// Pages that somebody else may change at any moment: only copies in and out, never a slice. Dropping it unmaps.
///
/// An access outside the mapping is refused with an error of kind `InvalidInput` and touches nothing.
#[allow(clippy::len_without_is_empty)]
pub trait SharedPages: Send {
    /// Length in bytes, a multiple of the page size, not zero.
    fn len(&self) -> usize;
    /// Copies bytes out of the pages.
    fn read(&self, offset: usize, into: &mut [u8]) -> io::Result<()>;
    /// Copies bytes into the pages.
    fn write(&self, offset: usize, from: &[u8]) -> io::Result<()>;
    /// Fills a range with zero.
    fn zero(&self, offset: usize, length: usize) -> io::Result<()>;
    /// Loads an aligned word with acquire ordering: what the peer wrote before it stored the word is seen after.
    fn load_u32(&self, offset: usize) -> io::Result<u32>;
    /// Stores an aligned word with release ordering: the peer that sees the word sees what was written before.
    fn store_u32(&self, offset: usize, value: u32) -> io::Result<()>;
    /// A full barrier, for the "publish, then look whether the peer went to sleep" of ring protocols.
    fn barrier(&self);
}

/// Bytes that a header of [`SocketMail`] takes.
pub const MAIL_HEADER: usize = 80;
/// Where in a header the kernel stores how many bytes were moved, a word.
pub const MAIL_COUNT: usize = 56;

/// Moves bytes between sockets and a process such that memory which outlives the process says how many: the kernel itself stores the count
/// before the call returns, and no kill comes in between (`recvmmsg(2)`, `sendmmsg(2)`).
///
/// `header` is the offset of [`MAIL_HEADER`] bytes, a multiple of 8. Neither call waits: [`io::ErrorKind::WouldBlock`] where it would have to.
/// The count is 0 from the beginning of a call until the kernel stores it.
pub trait SocketMail: SharedPages {
    /// Receives into the memory itself. Gives how many bytes; 0 at the end of the stream.
    fn receive(&self, socket: BorrowedFd<'_>, header: usize, buffer: Range<usize>) -> io::Result<usize>;
    /// Sends as many of the bytes as the socket takes, and gives how many; a peer that is gone is an error and no signal.
    fn send(&self, socket: BorrowedFd<'_>, header: usize, bytes: &[u8]) -> io::Result<usize>;
}

/// What `XENMEM_acquire_resource` can map without a gfn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Shared frames of the grant table (type 1, id 0, public/memory.h).
    GrantTable,
}

/// Maps other domains' memory (privcmd).
pub trait ForeignMemory: Send + Sync {
    /// Maps frames of a domain in the order given, all or nothing.
    fn map(&self, domid: DomId, frames: &[Gfn], access: Access) -> Result<Box<dyn SharedPages>, MapError>;
    /// Maps `count` frames of a resource from index `first` on. `EOPNOTSUPP` or `ENOTTY` where Xen or the kernel is too old.
    fn map_resource(&self, domid: DomId, resource: Resource, first: u64, count: usize) -> Result<Box<dyn SharedPages>, MapError>;
}

/// Event channels of the domain we run in (evtchn).
pub trait EventChannels: Send + Sync {
    /// Binds to a port that `domid` left unbound for us; gives our own port. The event is pending once after binding on Linux; a spurious
    /// event is always possible.
    fn bind_interdomain(&self, domid: DomId, remote: Port) -> Result<Port, SeamError>;
    /// Binds a global virtual interrupt: VIRQ_DOM_EXC is 3 (public/xen.h).
    fn bind_virq(&self, virq: u32) -> Result<Port, SeamError>;
    /// Closes a port of ours.
    fn unbind(&self, port: Port) -> Result<(), SeamError>;
    /// Sends an event to the other side.
    fn notify(&self, port: Port) -> Result<(), SeamError>;
    /// Takes the next pending port without blocking. The port stays masked until [`EventChannels::unmask`].
    fn next_pending(&self) -> Result<Option<Port>, SeamError>;
    /// Lets events of the port come in again.
    fn unmask(&self, port: Port) -> Result<(), SeamError>;
    /// The descriptor that polls readable while a port is pending.
    fn ready(&self) -> BorrowedFd<'_>;
}

/// Maps pages that another domain granted (gntdev).
pub trait GrantMaps: Send + Sync {
    /// Maps granted pages in the order given, all or nothing.
    fn map(&self, domid: DomId, grants: &[GrantRef], access: Access) -> Result<Box<dyn SharedPages>, MapError>;
}

/// The ring between dom0's kernel and the store (xenfs).
pub trait Dom0StoreRing: Send + Sync {
    /// The ring's page and the kernel's port, to be bound with [`EventChannels::bind_interdomain`] to dom0.
    fn open(&self) -> Result<(Box<dyn SharedPages>, Port), SeamError>;
}
