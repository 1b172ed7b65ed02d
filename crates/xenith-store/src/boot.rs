//! What stands in the store of a host before any domain does: the nodes that xen-init-dom0 would write (tools/helpers, 4.20).

use xen_abi::DomId;
use xen_store::path;
use xen_store::server::Server;

/// The nodes of dom0 and of CPU pools.
#[derive(Clone, Debug)]
pub struct BootNodes {
    /// dom0's name.
    pub dom0_name: String,
    /// Numbers and names of the CPU pools.
    pub pools: Vec<(u32, String)>,
}

impl Default for BootNodes {
    fn default() -> BootNodes {
        BootNodes { dom0_name: "Domain-0".to_owned(), pools: vec![(0, "Pool-0".to_owned())] }
    }
}

impl BootNodes {
    /// Writes them.
    pub fn write(&self, server: &mut Server) {
        let dom0 = path::domain(DomId::DOM0);
        server.seed(&dom0.domid(), b"0");
        server.seed(&dom0.name(), self.dom0_name.as_bytes());
        for (pool, name) in &self.pools {
            server.seed(&path::pool(*pool).name(), name.as_bytes());
        }
    }
}
