//! What a process that parses bytes of clients gives up before it reads the first one.
//!
//! ```text
//!   root: groups, gid, uid of its own -> no capability -> no_new_privs -> filter of system calls
//!   not root (--standalone):             no capability -> no_new_privs -> filter of system calls
//! ```
//!
//! Everything here is of the calling thread, and of those that it starts later: call it while there is no other.

mod calls;

use rustix::process::{Gid, Signal, Uid};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// Whom a process becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// Its number.
    pub uid: u32,
    /// Its group's.
    pub gid: u32,
}

/// Who serves where the host has no user for it: above what distributions give out, below `nobody`.
pub const FALLBACK: User = User { uid: 64_986, gid: 64_986 };

/// Why a process keeps more rights than it should: it must not serve.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// A right could not be given up.
    #[error("store: cannot give up {what}: {source}")]
    Rights {
        /// Which.
        what: &'static str,
        /// The kernel's reason.
        source: std::io::Error,
    },
    /// The filter could not be made or was not taken.
    #[error("store: cannot filter system calls: {0}")]
    Filter(String),
}

/// Gives up everything but the descriptors that are open. Without a user the process stays whom it is, and has no capability all the same.
pub fn confine(user: Option<User>) -> Result<(), ConfineError> {
    if let Some(user) = user.filter(|_| rustix::process::geteuid().is_root()) {
        become_user(Uid::from_raw(user.uid), Gid::from_raw(user.gid))?;
    }
    drop_capabilities()?;
    // Whatever it does, it does not outlive whoever started it; a change of user would undo this.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(rights("outliving the keeper"))?;
    rustix::thread::set_no_new_privs(true).map_err(rights("new privileges"))?;
    calls::apply()
}

fn become_user(uid: Uid, gid: Gid) -> Result<(), ConfineError> {
    if uid.is_root() || gid.is_root() {
        let source = std::io::Error::from(std::io::ErrorKind::InvalidInput);
        return Err(ConfineError::Rights { what: "root for root", source });
    }
    rustix::thread::set_thread_groups(&[]).map_err(rights("groups"))?;
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(rights("the group"))?;
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(rights("the user"))
}

fn drop_capabilities() -> Result<(), ConfineError> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::clear_ambient_capability_set().map_err(rights("ambient capabilities"))?;
    rustix::thread::set_capabilities(None, sets).map_err(rights("capabilities"))
}

fn rights(what: &'static str) -> impl Fn(rustix::io::Errno) -> ConfineError {
    move |errno| ConfineError::Rights { what, source: errno.into() }
}
