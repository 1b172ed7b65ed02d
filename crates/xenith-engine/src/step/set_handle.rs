//! Gives a domain another uuid in Xen.

use uuid::Uuid;
use xen_abi::DomId;

use super::Doing;
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets the handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetHandle {
    /// The domain's number.
    pub domid: DomId,
    /// Its uuid before.
    pub from: Uuid,
    /// Its uuid after.
    pub to: Uuid,
}

impl Doing for SetHandle {
    fn text(&self) -> String {
        format!("set the uuid to {}", self.to)
    }

    fn undo_text(&self) -> String {
        format!("set the uuid to {}", self.from)
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        set(world, self.domid, self.from, self.to)
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        set(world, self.domid, self.to, self.from)
    }
}

/// A domain that has it already, or is gone, is left alone.
fn set(world: &World, domid: DomId, from: Uuid, to: Uuid) -> Result<(), Fault> {
    match domain::find(world, from, Some(domid))? {
        Some(_) => Ok(world.xen.set_domain_handle(domid, to.into_bytes())?),
        None => Ok(()),
    }
}
