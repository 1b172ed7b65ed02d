//! What must hold before a role starts: said with a code before anything is touched.

use std::path::Path;

use xen_sys::probe::{self, Host};
use xenith_api::latest::{Code, Problem};

use super::Role;
use super::stock::{self, Daemon};

/// Refuses to start these roles where they could not work.
pub fn ready(roles: &[Role]) -> Result<(), Problem> {
    judge(roles, rustix::process::geteuid().is_root(), &probe::probe(), &stock::daemons(Path::new("/proc")))
}

/// Whether dom0's Xen is under us. Sysfs need not be mounted, as in a small initramfs: then xenfs or the node tells.
fn xen_is_there(host: &Host) -> bool {
    host.hypervisor.as_deref() == Some("xen")
        || host.control_domain.is_some()
        || host.nodes.iter().any(|n| n.state == probe::NodeState::Ready)
}

fn judge(roles: &[Role], root: bool, host: &Host, daemons: &[Daemon]) -> Result<(), Problem> {
    let words = roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ");
    let subject = format!("role {words}");
    if !xen_is_there(host) {
        let title = format!("{subject}: no hypervisor is present");
        return Err(Problem::new(Code::XenAbsent, subject, title, "boot this machine with Xen; `xenith check` tells what is missing"));
    }
    if !root {
        let title = format!("{subject}: must be run as root");
        return Err(Problem::new(Code::NotPermitted, subject, title, "run it as root"));
    }
    if let Some(daemon) = daemons.iter().find(|daemon| roles.iter().any(|role| role.name() == daemon.rival)) {
        let code = if daemon.rival == "store" { Code::StoreBusy } else { Code::AlreadyRunning };
        let title = format!("{subject}: {} is already running, pid {}", daemon.comm, daemon.pid);
        return Err(Problem::new(code, subject, title, daemon.advice()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals() {
        let host =
            |hypervisor: Option<&str>, control_domain| Host { hypervisor: hypervisor.map(str::to_owned), control_domain, nodes: vec![] };
        let xen = || host(Some("xen"), None);
        let rival = |comm: &str, rival| vec![Daemon { comm: comm.to_owned(), pid: 7, rival }];
        for (roles, root, host, daemons, expected) in [
            (&Role::ALL[..], true, xen(), vec![], None),
            (&Role::ALL, true, host(None, Some(true)), vec![], None),
            (&Role::ALL, true, host(None, None), vec![], Some(Code::XenAbsent)),
            (&Role::ALL, false, xen(), vec![], Some(Code::NotPermitted)),
            (&Role::ALL, true, xen(), rival("oxenstored", "store"), Some(Code::StoreBusy)),
            (&[Role::Console], true, xen(), rival("oxenstored", "store"), None),
            (&[Role::Console], true, xen(), rival("xenconsoled", "console"), Some(Code::AlreadyRunning)),
        ] {
            assert_eq!(judge(roles, root, &host, &daemons).err().map(|p| p.code), expected);
        }
    }
}
