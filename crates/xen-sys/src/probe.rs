//! What this host has of Xen: read by `xenith check`, decided by nobody here.
//!
//! ```text
//!   /sys/hypervisor/type       "xen" in every domain of Xen
//!   /proc/xen/capabilities     "control_d" in the control domain; missing where xenfs is not mounted
//!   each node                  ready, missing, or refused with the kernel's reason
//! ```

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};

use crate::evtchn::EVTCHN;
use crate::gntdev::GNTDEV;
use crate::privcmd::{HYPERCALL, PRIVCMD};

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The hypervisor's name, `xen`; none on bare metal or where sysfs is not mounted.
    pub hypervisor: Option<String>,
    /// Whether this is the control domain; none where xenfs is not mounted.
    pub control_domain: Option<bool>,
    /// Every node that some role opens.
    pub nodes: Vec<Node>,
}

/// A node that a role opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its path.
    pub path: &'static str,
    /// The kernel module that makes it, or the file system to mount.
    pub from: &'static str,
    /// Whether Xenith works without it.
    pub optional: bool,
    /// How it stands.
    pub state: NodeState,
}

/// How a node stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It can be opened for reading and writing.
    Ready,
    /// There is no such file.
    Missing,
    /// It is there and cannot be opened; the kernel's reason.
    Refused(String),
}

const NODES: [(&str, &str, bool); 6] = [
    (PRIVCMD, "xen-privcmd", false),
    (HYPERCALL, "xen-privcmd", true),
    (EVTCHN, "xen-evtchn", false),
    (GNTDEV, "xen-gntdev", false),
    ("/dev/xen/xenbus", "xenbus in the kernel", true),
    ("/proc/xen/xsd_kva", "xenfs mounted on /proc/xen", false),
];

/// Looks at this host. Opens each node once and closes it again, which changes nothing.
#[must_use]
pub fn probe() -> Host {
    probe_under(Path::new("/"))
}

/// The same below another root directory.
fn probe_under(root: &Path) -> Host {
    let text = |path: &str| fs::read_to_string(under(root, path)).ok();
    Host {
        hypervisor: text("/sys/hypervisor/type").map(|name| name.trim().to_owned()),
        control_domain: text("/proc/xen/capabilities").map(|words| words.contains("control_d")),
        nodes: NODES
            .iter()
            .map(|(path, from, optional)| Node { path, from, optional: *optional, state: state(&under(root, path)) })
            .collect(),
    }
}

fn under(root: &Path, path: &str) -> std::path::PathBuf {
    root.join(path.trim_start_matches('/'))
}

fn state(path: &Path) -> NodeState {
    match open(path, OFlags::RDWR | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty()) {
        Ok(_) => NodeState::Ready,
        Err(rustix::io::Errno::NOENT) => NodeState::Missing,
        Err(error) => NodeState::Refused(io::Error::from(error).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_described_as_it_is() {
        let root = std::env::temp_dir().join(format!("xen-sys-probe-{}", std::process::id()));
        for (path, text) in
            [("sys/hypervisor/type", "xen\n"), ("proc/xen/capabilities", "control_d\n"), ("proc/xen/xsd_kva", ""), ("dev/xen/privcmd", "")]
        {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), text).unwrap();
        }
        fs::create_dir_all(root.join("dev/xen/evtchn")).unwrap();
        let host = probe_under(&root);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!((host.hypervisor.as_deref(), host.control_domain), (Some("xen"), Some(true)));
        let states: Vec<_> = host.nodes.iter().map(|node| (node.path, node.state.clone())).collect();
        assert_eq!(states[0], (PRIVCMD, NodeState::Ready));
        assert_eq!(states[1], (HYPERCALL, NodeState::Missing));
        assert!(matches!(&states[2], (EVTCHN, NodeState::Refused(reason)) if reason.contains("directory")), "{states:?}");
        assert_eq!(states[5].1, NodeState::Ready);
    }

    #[test]
    fn an_empty_host_has_nothing() {
        let host = probe_under(Path::new("/nonexistent"));
        assert_eq!((host.hypervisor, host.control_domain), (None, None));
        assert!(host.nodes.iter().all(|node| node.state == NodeState::Missing));
    }
}
