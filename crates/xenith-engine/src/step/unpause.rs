//! Lets the domain run.

use xen_abi::Errno;

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Unpauses the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpause;

impl Doing for Unpause {
    fn text(&self) -> String {
        "unpause".to_owned()
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        match world.xen.unpause(progress.domid()?) {
            // It runs already: a create that was killed right here is resumed.
            Err(error) if error.errno() == Some(Errno::EINVAL) => Ok(()),
            answer => Ok(answer?),
        }
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
