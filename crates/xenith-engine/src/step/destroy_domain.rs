//! Kills a domain: from here on it does not run, and Xen gives back what it had.

use uuid::Uuid;
use xen_abi::DomId;

use super::{Doing, NO_WAY_BACK};
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Destroys the domain with this handle, where it still exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DestroyDomain {
    /// Its handle.
    pub uuid: Uuid,
    /// The number that it had.
    pub domid: DomId,
}

impl Doing for DestroyDomain {
    fn text(&self) -> String {
        format!("destroy {}", self.domid)
    }

    fn undo_text(&self) -> String {
        NO_WAY_BACK.to_owned()
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        match domain::find(world, self.uuid, Some(self.domid))? {
            Some(info) => domain::kill(world, info.domid),
            None => Ok(()),
        }
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
