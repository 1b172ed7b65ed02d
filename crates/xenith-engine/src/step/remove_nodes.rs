//! Removes what the store holds of a domain: its own directories, and the backends that the tools recorded where no guest can write.

use uuid::Uuid;
use xen_abi::DomId;

use super::{Doing, NO_WAY_BACK};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::teardown;
use crate::world::World;

/// Removes the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoveNodes {
    /// The domain's identity.
    pub uuid: Uuid,
    /// The number that it had.
    pub domid: DomId,
}

impl Doing for RemoveNodes {
    fn text(&self) -> String {
        format!("remove the store nodes of {}, and its backends'", self.domid)
    }

    fn undo_text(&self) -> String {
        NO_WAY_BACK.to_owned()
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        world.stores.with(|store| teardown::remove(store, self.domid, self.uuid))
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
