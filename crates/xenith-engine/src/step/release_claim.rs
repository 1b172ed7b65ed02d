//! Gives back what the build did not need of the claim.

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Releases the rest of the claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseClaim;

impl Doing for ReleaseClaim {
    fn text(&self) -> String {
        "release the claim".to_owned()
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(world.xen.claim_pages(progress.domid()?, 0)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
