//! Tells a guest how large it shall be: its balloon's target and which vcpus are online, in one transaction. The guest watches the nodes and
//! follows in its own time.

use uuid::Uuid;
use xen_abi::DomId;
use xen_store::client::{Request, Requests};
use xen_store::path;

use super::Doing;
use crate::fault::Fault;
use crate::journal::{Progress, Size};
use crate::nodes;
use crate::world::World;

/// Writes the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SizeNodes {
    /// The domain's handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: DomId,
    /// What they said.
    pub from: Size,
    /// What they say.
    pub to: Size,
}

impl Doing for SizeNodes {
    fn text(&self) -> String {
        text(&self.to)
    }

    fn undo_text(&self) -> String {
        text(&self.from)
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        if self.write(world, &self.to)? { Ok(()) } else { Err(Fault::Gone) }
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        self.write(world, &self.from).map(drop)
    }
}

impl SizeNodes {
    /// Whether the nodes are the domain's: those of one that is gone, or whose number another one has by now, are not touched.
    fn write(&self, world: &World, size: &Size) -> Result<bool, Fault> {
        let home = path::domain(self.domid);
        let own = path::vm(self.uuid);
        let target = size.memory.map(|memory| Request::write(&home.memory_target(), memory.target_kib.to_string()));
        let vcpus = (0..).zip(&size.online);
        let vcpus = vcpus.map(|(vcpu, online)| Request::write(&home.vcpu_availability(vcpu), nodes::availability(*online)));
        let requests: Vec<Request> = target.into_iter().chain(vcpus).collect();
        world.stores.with(|store| {
            store.transaction(|tx| {
                if tx.read_text(&home.vm())?.as_deref() != Some(own.root().as_str()) {
                    return Ok(false);
                }
                tx.pipeline_all(&requests).map(|_| true)
            })
        })
    }
}

fn text(size: &Size) -> String {
    let memory = size.memory.map(|memory| format!("a target of {} KiB", memory.target_kib));
    let vcpus = size.vcpus().map(|vcpus| format!("{vcpus} of {} vcpus online", size.online.len()));
    let parts: Vec<String> = memory.into_iter().chain(vcpus).collect();
    format!("tell the guest: {}", parts.join(", "))
}
