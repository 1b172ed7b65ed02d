//! Bounds the memory of a domain that runs. A bound below what it has takes nothing from it: it gets no more (`XEN_DOMCTL_max_mem`,
//! xen/common/domctl.c).

use uuid::Uuid;
use xen_abi::DomId;

use super::Doing;
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets another bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundMemory {
    /// The domain's handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: DomId,
    /// The bound before, in KiB.
    pub from_kib: u64,
    /// The bound after, in KiB.
    pub to_kib: u64,
}

impl Doing for BoundMemory {
    fn text(&self) -> String {
        format!("bound memory to {} KiB", self.to_kib)
    }

    fn undo_text(&self) -> String {
        format!("bound memory to {} KiB", self.from_kib)
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        domain::find(world, self.uuid, Some(self.domid))?.ok_or(Fault::Gone)?;
        Ok(world.xen.set_max_mem(self.domid, self.to_kib)?)
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        match domain::find(world, self.uuid, Some(self.domid))? {
            Some(_) => Ok(world.xen.set_max_mem(self.domid, self.from_kib)?),
            None => Ok(()),
        }
    }
}
