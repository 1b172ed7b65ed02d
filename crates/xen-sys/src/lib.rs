//! The Linux device nodes of Xen, behind safe types: every `unsafe` of the workspace is in this crate.
//!
//! ```text
//!   seam trait        type             node                                  kernel interface
//!   Hypercalls        Privcmd          /dev/xen/privcmd, /dev/xen/hypercall  privcmd.h
//!   ForeignMemory     Privcmd          /dev/xen/privcmd                      privcmd.h
//!   EventChannels     Evtchn           /dev/xen/evtchn                       evtchn.h
//!   GrantMaps         Gntdev           /dev/xen/gntdev                       gntdev.h
//!   Dom0StoreRing     XenfsStoreRing   /proc/xen/xsd_kva, xsd_port           xenfs
//!   SocketMail        socket_mail      none                                  recvmmsg, sendmmsg
//!
//!   Call -> arena (where buffers lie, patch, copy back) -> argument (pool of pages) -> ioctl
//!   map  -> mapping (owned mmap, volatile copies, unmapped on drop) -> SharedPages
//! ```
//!
//! # Safety
//!
//! It stands in few places; everything else calls safe functions.
//!
//! - `mapping`: owns a region that `mmap` gave at an address of the kernel's choice and that nobody else in this process knows. No reference
//!   to its bytes is ever made, so that Xen, another domain or the kernel may change them at any moment: they lie outside every Rust allocation,
//!   and each access is one volatile load or store of a checked, aligned place inside the region, through the one pointer that `mmap` returned.
//!   The region lives exactly as long as its owner, which is `Send` and not `Sync`. A read-only region refuses writes.
//! - `ioctl`: passes a pointer to a `repr(C)` structure whose size is part of the request's number. Structures that hold no addresses go through
//!   a safe function; the others through an `unsafe` one, and the drivers keep no address after the call returns.
//! - `privcmd` and `foreign` are the callers that hand addresses over, and say at each call why these stay valid.
//! - `socket_mail` lets the kernel write into a mapping that it keeps for the length of the call, at checked places of it.
//! - `heap` gives the allocator a number.
//! - `inherited` takes descriptors by the numbers that the program before this one left them under.
//!
//! What the types do not prevent: a caller with the privcmd node can ask Xen to do anything to the host, this process included; that is what
//! the node is for. No address leaves the crate, neither as pointer nor as number.

mod arena;
mod argument;
mod evtchn;
mod file_pages;
mod foreign;
mod gntdev;
mod heap;
mod inherited;
mod ioctl;
mod mapping;
mod privcmd;
pub mod probe;
mod socket_mail;
mod xenfs;

pub use evtchn::Evtchn;
pub use file_pages::map_file;
pub use gntdev::Gntdev;
pub use heap::keep_heap_small;
pub use inherited::inherit;
pub use privcmd::Privcmd;
pub use socket_mail::socket_mail;
pub use xenfs::XenfsStoreRing;

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use xen_abi::Errno;
use xen_hv::SeamError;

/// Opens a device node for reading and writing, closed on exec.
fn open_node(path: &Path, extra: OFlags) -> Result<OwnedFd, SeamError> {
    open(path, OFlags::RDWR | OFlags::CLOEXEC | extra, Mode::empty())
        .map_err(|error| SeamError::Node { node: path.display().to_string(), source: error.into() })
}

/// What a driver answered for Xen: its numbers are Xen's (public/errno.h says so for Linux).
fn refused(what: &'static str, error: rustix::io::Errno) -> SeamError {
    SeamError::Refused { what, errno: errno(error) }
}

fn errno(error: rustix::io::Errno) -> Errno {
    Errno(error.raw_os_error())
}

fn io_error(what: &'static str, error: impl Into<io::Error>) -> SeamError {
    SeamError::Io { what, source: error.into() }
}
