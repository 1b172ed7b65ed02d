//! Writes the domain's nodes: one transaction of two waits, whatever the number of vcpus up to the pipeline's window.

use xen_abi::DomId;
use xen_store::client::Request;

use super::Doing;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::nodes::{self, NodeNumbers, NodeSpec};
use crate::teardown;
use crate::world::World;

/// Writes the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreNodes {
    /// What they say.
    pub spec: NodeSpec,
}

impl Doing for StoreNodes {
    fn text(&self) -> String {
        "write the store nodes in one transaction".to_owned()
    }

    fn undo_text(&self) -> String {
        "remove the store nodes".to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let requests = self.requests(progress)?;
        world.stores.with(|store| store.commit_blind(&requests).map(drop))
    }

    fn undo(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let Some(domid) = progress.domid.map(DomId) else { return Ok(()) };
        world.stores.with(|store| teardown::remove(store, domid, self.spec.uuid))
    }
}

impl StoreNodes {
    /// What an earlier domain of the same number left is removed first, so that nothing of it is inherited.
    fn requests(&self, progress: &Progress) -> Result<Vec<Request>, Fault> {
        let ports = progress.ports()?;
        let numbers = NodeNumbers { domid: progress.domid()?, store_port: ports.store, console_port: ports.console };
        let [home, _, libxl] = nodes::roots(numbers.domid, self.spec.uuid);
        let stale = [home, libxl, nodes::console_backend_root(numbers.domid)];
        // Made first: what is not there cannot be removed where its parent is missing too.
        let mut requests: Vec<Request> = stale.iter().flat_map(|path| [Request::mkdir(path), Request::rm(path)]).collect();
        for node in nodes::nodes(&self.spec, numbers) {
            requests.push(Request::write(&node.path, &node.value));
            requests.extend(node.perms.map(|perms| Request::set_perms(&node.path, &perms)));
        }
        Ok(requests)
    }
}
