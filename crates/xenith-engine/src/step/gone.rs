//! Waits, for a bounded time, until a destroyed domain is gone: until then its memory is not free, and its name is still listed.

use uuid::Uuid;
use xen_abi::DomId;

use super::{Doing, NO_WAY_BACK};
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Waits for the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwaitGone {
    /// The domain's handle.
    pub uuid: Uuid,
    /// The number that it had.
    pub domid: DomId,
}

impl Doing for AwaitGone {
    fn text(&self) -> String {
        format!("wait until {} is gone", self.domid)
    }

    fn undo_text(&self) -> String {
        NO_WAY_BACK.to_owned()
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        // One that stays dying is told in the log and in the list: nothing of ours is left to do.
        domain::gone(world, self.uuid, self.domid).map(drop)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
