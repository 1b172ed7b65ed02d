//! Roles by group. root is admin; members of `xenith-admin` and `xenith-operator` are what these say; whoever else may connect looks.
//!
//! The groups are those of `/etc/group`, looked up by the user's name: the kernel's word on a connection is its user and its first group. The other
//! groups of the process could only be had from `/proc`, where its number may be another process's by then.

use std::path::PathBuf;

use xenith_api::latest::Role;

/// Where users and groups are told of, and which groups mean what.
#[derive(Clone, Debug)]
pub struct Roles {
    /// `/etc/passwd`.
    pub passwd: PathBuf,
    /// `/etc/group`.
    pub group: PathBuf,
}

/// The group whose members are operators.
const OPERATORS: &str = "xenith-operator";
/// The group whose members are admins.
const ADMINS: &str = "xenith-admin";
/// The group that may connect to the socket at all.
pub(super) const CALLERS: &str = "xenith";
/// The group that may connect to the read-only socket.
pub(super) const VIEWERS: &str = "xenith-viewer";

impl Default for Roles {
    fn default() -> Self {
        Roles { passwd: "/etc/passwd".into(), group: "/etc/group".into() }
    }
}

impl Roles {
    /// The role of a user whose process has this group.
    #[must_use]
    pub fn of(&self, uid: u32, gid: u32) -> Role {
        if uid == 0 {
            return Role::Admin;
        }
        let passwd = std::fs::read_to_string(&self.passwd).unwrap_or_default();
        let groups = std::fs::read_to_string(&self.group).unwrap_or_default();
        let name = user(&passwd, uid);
        match () {
            () if is_member(&groups, ADMINS, name, gid) => Role::Admin,
            () if is_member(&groups, OPERATORS, name, gid) => Role::Operator,
            () => Role::Viewer,
        }
    }

    /// The number of a group, where there is one of that name.
    pub(super) fn gid(&self, name: &str) -> Option<u32> {
        let groups = std::fs::read_to_string(&self.group).ok()?;
        groups.lines().find_map(|line| group(line).filter(|group| group.name == name)).map(|group| group.gid)
    }
}

struct Group<'t> {
    name: &'t str,
    gid: u32,
    members: &'t str,
}

/// `name:password:gid:member,member` (group(5)).
fn group(line: &str) -> Option<Group<'_>> {
    let mut parts = line.split(':');
    let (name, _, gid, members) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(Group { name, gid: gid.parse().ok()?, members })
}

/// `name:password:uid:...` (passwd(5)).
fn user(passwd: &str, uid: u32) -> Option<&str> {
    passwd.lines().find_map(|line| {
        let mut parts = line.split(':');
        let (name, _, number) = (parts.next()?, parts.next()?, parts.next()?);
        (number.parse() == Ok(uid)).then_some(name)
    })
}

fn is_member(groups: &str, wanted: &str, user: Option<&str>, gid: u32) -> bool {
    let named = groups.lines().filter_map(group).filter(|group| group.name == wanted);
    named.into_iter().any(|group| group.gid == gid || user.is_some_and(|user| group.members.split(',').any(|member| member == user)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_make_roles() {
        let dir = tempfile::tempdir().unwrap();
        let roles = Roles { passwd: dir.path().join("passwd"), group: dir.path().join("group") };
        assert_eq!((roles.of(0, 0), roles.of(1000, 1000)), (Role::Admin, Role::Viewer), "without files");
        std::fs::write(&roles.passwd, "root:x:0:0::/:/bin/sh\nann:x:1000:1000::/:/bin/sh\nbob:x:1001:1001::/:/bin/sh\nbroken\n").unwrap();
        std::fs::write(&roles.group, "xenith-admin:x:70:ann\nxenith-operator:x:71:bob,annie\nbroken:\nxenith-viewer:x:72:\n").unwrap();
        for (uid, gid, role) in [
            (0, 0, Role::Admin),
            (1000, 1000, Role::Admin),
            (1001, 1001, Role::Operator),
            (1001, 70, Role::Admin),
            (1002, 71, Role::Operator),
            (1002, 1002, Role::Viewer),
        ] {
            assert_eq!(roles.of(uid, gid), role, "uid {uid} gid {gid}");
        }
        assert_eq!((roles.gid("xenith-viewer"), roles.gid("xenith")), (Some(72), None));
    }
}
