//! Stops a domain's vcpus while something is done with it.

use uuid::Uuid;
use xen_abi::{DomId, Errno};

use super::Doing;
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Pauses the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// Its handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: DomId,
}

impl Doing for Pause {
    fn text(&self) -> String {
        "pause".to_owned()
    }

    fn undo_text(&self) -> String {
        "unpause".to_owned()
    }

    /// Whoever paused it in the last moment paused it for us as well.
    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let info = domain::find(world, self.uuid, Some(self.domid))?.ok_or(Fault::Gone)?;
        progress.domid = Some(self.domid.0);
        if info.paused { Ok(()) } else { Ok(world.xen.pause(self.domid)?) }
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        if domain::find(world, self.uuid, Some(self.domid))?.is_none() {
            return Ok(());
        }
        match world.xen.unpause(self.domid) {
            // It was not paused yet.
            Err(error) if error.errno() == Some(Errno::EINVAL) => Ok(()),
            answer => Ok(answer?),
        }
    }
}
