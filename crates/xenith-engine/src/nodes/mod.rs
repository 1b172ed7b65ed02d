//! A domain's store nodes as a list: what stands where, with whose rights. Pure; written in one transaction.
//!
//! ```text
//!   /vm/UUID          guest reads       uuid, name, start time
//!   /libxl/N          tools only        type, the primary console's ends: what teardown trusts
//!   /local/domain/N   guest reads       name, memory, cpu, store, console
//!     control/*, data, ...              the guest's own: it writes, whoever reads does not trust it
//!   /local/domain/0/backend/console/N/0 guest reads
//! ```
//!
//! These are the nodes that libxl of 4.14 to 4.22 writes for a PVH domain, so that stock `xl list`, `xl console` and `xl destroy` work.
//! A node without rights of its own takes its parent's (docs/misc/xenstore.txt).

mod console;
mod home;
mod outside;

pub(crate) use home::availability;
use uuid::Uuid;
use xen_abi::{DomId, Gfn, Port};
use xen_store::path::{self, StorePath};
use xen_store::perms::{Perm, Rights};

/// One node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub path: StorePath,
    /// What it holds.
    pub value: Vec<u8>,
    /// Its rights where they are not the parent's; the first entry owns the node.
    pub perms: Option<Vec<Perm>>,
}

/// What the nodes say, as far as it is known before Xen has given the domain a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeSpec {
    /// The domain's name.
    pub name: String,
    /// Its identity.
    pub uuid: Uuid,
    /// Its memory in KiB.
    pub memory_kib: u64,
    /// Its vcpus, all of them online.
    pub vcpus: u32,
    /// The page of its store ring.
    pub store_gfn: Gfn,
    /// The page of its console ring.
    pub console_gfn: Gfn,
    /// Seconds and hundredths since 1970 at which it was planned.
    pub started: (u64, u8),
}

/// What only the run knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeNumbers {
    /// The domain's number.
    pub domid: DomId,
    /// Its port towards the store.
    pub store_port: Port,
    /// Its port towards the console.
    pub console_port: Port,
}

/// Who serves store and console. Another domain may, once driver domains are told of.
const SERVING: DomId = DomId::DOM0;

/// Every node of the domain; a parent comes before its children.
#[must_use]
pub fn nodes(spec: &NodeSpec, numbers: NodeNumbers) -> Vec<Node> {
    let mut all = outside::nodes(spec, numbers.domid);
    all.extend(home::nodes(spec, numbers));
    all.extend(console::nodes(spec, numbers));
    all
}

/// The directories that hold a domain's nodes, backends apart.
#[must_use]
pub fn roots(domid: DomId, uuid: Uuid) -> [StorePath; 3] {
    [path::domain(domid).root().clone(), path::vm(uuid).root().clone(), path::libxl(domid).root().clone()]
}

/// The directory of the primary console's backend, with its parent that no other device of the domain shares.
#[must_use]
pub fn console_backend_root(domid: DomId) -> StorePath {
    path::backend_root(SERVING, path::DeviceKind::Console).child(domid.0)
}

fn node(path: StorePath, value: impl ToString) -> Node {
    Node { path, value: value.to_string().into_bytes(), perms: None }
}

impl Node {
    /// Owned by the tools, hidden from the guest.
    fn hidden(mut self) -> Node {
        self.perms = Some(vec![Perm::new(DomId::DOM0, Rights::NONE)]);
        self
    }

    /// Owned by the tools, read by the guest.
    fn read_by(mut self, guest: DomId) -> Node {
        self.perms = Some(vec![Perm::new(DomId::DOM0, Rights::NONE), Perm::new(guest, Rights::READ)]);
        self
    }

    /// The guest's own.
    fn owned_by(mut self, guest: DomId) -> Node {
        self.perms = Some(vec![Perm::new(guest, Rights::NONE)]);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> NodeSpec {
        NodeSpec {
            name: "web".to_owned(),
            uuid: Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            memory_kib: 65536,
            vcpus: 2,
            store_gfn: Gfn(0xfeffc),
            console_gfn: Gfn(0xfefff),
            started: (1_700_000_000, 7),
        }
    }

    /// The list as text, one node a line: rights, path, value.
    fn text(nodes: &[Node]) -> String {
        let rights = |node: &Node| {
            let list = node.perms.as_deref().unwrap_or_default();
            list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        };
        let line = |node: &Node| format!("{:<6} {} = {}\n", rights(node), node.path, String::from_utf8_lossy(&node.value));
        nodes.iter().map(line).collect()
    }

    #[test]
    fn the_nodes_of_a_domain_of_two_vcpus() {
        let numbers = NodeNumbers { domid: DomId(5), store_port: Port(1), console_port: Port(2) };
        crate::golden::check("nodes.txt", &text(&nodes(&spec(), numbers)));
    }

    #[test]
    fn every_node_lies_below_a_directory_that_teardown_removes() {
        let numbers = NodeNumbers { domid: DomId(5), store_port: Port(1), console_port: Port(2) };
        let spec = spec();
        let mut roots: Vec<String> = roots(DomId(5), spec.uuid).iter().map(ToString::to_string).collect();
        roots.push(console_backend_root(DomId(5)).to_string());
        for node in nodes(&spec, numbers) {
            let path = node.path.to_string();
            assert!(roots.iter().any(|root| path == *root || path.starts_with(&format!("{root}/"))), "{path}");
        }
    }

    #[test]
    fn a_parent_with_rights_comes_before_its_children() {
        let all = nodes(&spec(), NodeNumbers { domid: DomId(5), store_port: Port(1), console_port: Port(2) });
        for (index, node) in all.iter().enumerate() {
            let below = |other: &Node| node.path.to_string().starts_with(&format!("{}/", other.path));
            assert!(!all.iter().skip(index).any(below), "{}", node.path);
        }
    }
}
