//! What runs inside a simulated domain: a script that behaves like a PVH kernel.
//!
//! ```text
//!   first unpause with vcpu 0 up
//!      |  start::inspect: registers, start info, memory map, modules, ACPI, HVM params, ports, grants
//!      v
//!   Booted --problems--> crash (reason 3), each problem on Xen's console
//!      |  all vcpus online; hello line on the console
//!      v
//!   store handshake: domid, name, features, hello, watch ---> Ready ---> control/shutdown, memory/target, cpu, console lines
//!      \------------------ the script may end it: poweroff, reboot, crash, flood, deaf, hostile rings
//! ```
//!
//! A guest runs only when an event, an unpause or time wakes it, under the machine's lock, until it has nothing more to do. So a scenario is
//! deterministic as far as its own side is.

mod balloon;
mod console;
mod report;
mod run;
mod schedule;
mod script;
mod start;
mod store;
mod wire;

use xen_abi::Port;
use xen_abi::record::{At, Member};

use crate::page::Page;
pub use console::flood_bytes;
pub use report::{GuestReport, ModuleSeen};
pub(crate) use run::GuestRun;
pub use script::Script;
pub(crate) use script::Scripts;
pub(crate) use wire::Wire;

/// A page that the guest shares with a backend, and its port.
#[derive(Clone)]
pub(crate) struct Ring {
    pub(crate) page: Page,
    pub(crate) port: Port,
}

/// Where a member of a ring page stands. No release moved any of those used here; one that moved would lie outside every page.
const fn place(member: &Member) -> usize {
    match member.at {
        At::Always(offset) => offset,
        At::Since(_) => usize::MAX / 2,
    }
}
