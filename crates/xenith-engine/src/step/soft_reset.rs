//! Resets a domain that shut down, and keeps it paused while what it needs is made anew.

use uuid::Uuid;
use xen_abi::DomId;

use super::{Doing, NO_WAY_BACK};
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Resets the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoftReset {
    /// Its handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: DomId,
}

impl Doing for SoftReset {
    fn text(&self) -> String {
        format!("reset {} in place, paused", self.domid)
    }

    fn undo_text(&self) -> String {
        NO_WAY_BACK.to_owned()
    }

    /// Xen resets a domain that a toolstack paused (evtchn_reset, xen/common/event_channel.c). One that did not shut down was reset before.
    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let info = domain::find(world, self.uuid, Some(self.domid))?.ok_or(Fault::Gone)?;
        progress.domid = Some(self.domid.0);
        if !info.paused {
            world.xen.pause(self.domid)?;
        }
        if info.shutdown.is_some() {
            world.xen.soft_reset(self.domid)?;
        }
        Ok(())
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
