//! Who asks: told by the kernel, not by the caller.

use std::fmt;

use rustix::net::sockopt::socket_peercred;
use tokio::net::UnixStream;
use xenith_api::latest::Role;

use super::roles::Roles;

/// The other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its user, when it connected.
    pub uid: u32,
    /// Its process, when it connected; for the audit only.
    pub pid: i32,
    /// What it may do.
    pub role: Role,
}

impl Caller {
    /// root of this host.
    #[must_use]
    pub fn root() -> Caller {
        Caller { uid: 0, pid: 0, role: Role::Admin }
    }

    /// Somebody of whom nothing is known.
    pub(super) fn nobody() -> Caller {
        Caller { uid: u32::MAX, pid: 0, role: Role::Viewer }
    }

    /// The one who connected; nobody where the kernel does not tell. On the read-only socket nobody is more than a viewer.
    pub(super) fn of(stream: &UnixStream, roles: &Roles, most: Role) -> Caller {
        let Ok(peer) = socket_peercred(stream) else { return Caller::nobody() };
        let uid = peer.uid.as_raw();
        let role = roles.of(uid, peer.gid.as_raw()).min(most);
        Caller { uid, pid: peer.pid.as_raw_nonzero().get(), role }
    }
}

/// `uid 1000`.
impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {}", self.uid)
    }
}
