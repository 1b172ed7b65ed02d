//! The roles: what each is called, what must hold before it starts, and its lock.
//!
//! ```text
//!   xenith ROLE:  ready (root, Xen, no rival) -> lock (ROLE.pid in the run directory) -> serve until SIGTERM
//! ```

use std::os::fd::OwnedFd;

use xenith_api::latest::Problem;

use crate::{logging, signals};

pub mod all;
pub mod console;
pub mod control;
pub mod lock;
mod ready;
mod site;
pub mod stock;
pub mod store;
mod xen;

pub use site::{Options, Site};

/// A role that `xenith all` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// xenstore.
    Store,
    /// Consoles of the domains.
    Console,
    /// The API.
    Control,
}

impl Role {
    /// In the order of their start; they stop in the opposite one.
    pub const ALL: [Role; 3] = [Role::Store, Role::Console, Role::Control];

    /// The word that starts it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Store => "store",
            Role::Console => "console",
            Role::Control => "control",
        }
    }
}

/// What a role that may start holds.
struct Started {
    /// Polls readable once the role shall end.
    end: OwnedFd,
    /// Its right to be the only one.
    _lock: lock::Lock,
}

/// What every role does before its own work.
fn begin(role: Role, site: &Site) -> Result<Started, Problem> {
    logging::begin(role.name(), site.log_level);
    xen_sys::keep_heap_small();
    // As the kernel names the process; `exe` where `xenith all` started it.
    if let Ok(name) = std::ffi::CString::new(format!("xenith-{}", role.name())) {
        let _ = rustix::thread::set_name(&name);
    }
    ready::ready(&[role])?;
    let lock = lock::take(&site.run_dir, role.name())?;
    Ok(Started { end: signals::end_of_role()?, _lock: lock })
}
