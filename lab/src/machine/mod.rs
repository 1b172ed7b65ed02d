//! One machine: QEMU with Xen and dom0 in it.
//!
//! ```text
//!            serial 0 (Xen, dom0's kernel)          -> Line::Console -\
//!  QEMU ---- serial 1 (/dev/ttyS1: the script, shell) -> Line::Report  --> log file, callback, verdict
//!            virtio disk (dom0 writes a tar of /lab/out before it ends) -> files back
//! ```
//!
//! Two ports, because Xen and Linux write into the middle of each other's lines: what the script says comes over a port
//! that nobody else uses. The machine ends when the script's exit status has been read, when Xen or dom0 panics, or when
//! the time is up; it never outlives its value.

mod boot;
mod console;
mod disk;
mod qemu;
mod terminal;

pub use boot::{Boot, Mode};
pub use console::{Line, Outcome, run};
pub(crate) use disk::{make as make_disk, take as take_files};
pub use terminal::shell;
pub(crate) use terminal::size as terminal_size;

/// What every line of the lab's own protocol begins with.
pub const MARK: &str = "XENITH-LAB: ";
