//! Forgets a domain that is gone.

use uuid::Uuid;

use super::{Doing, NO_WAY_BACK};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Removes the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forget {
    /// Whose.
    pub uuid: Uuid,
}

impl Doing for Forget {
    fn text(&self) -> String {
        "remove the record".to_owned()
    }

    fn undo_text(&self) -> String {
        NO_WAY_BACK.to_owned()
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        world.records.remove(self.uuid).map_err(Fault::Record)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
