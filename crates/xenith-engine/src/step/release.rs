//! Takes a domain's connection to the store away: its ring is about to be another one's.

use super::{Doing, NO_WAY_BACK, introduce};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Releases the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release;

impl Doing for Release {
    fn text(&self) -> String {
        "release from the store".to_owned()
    }

    fn undo_text(&self) -> String {
        NO_WAY_BACK.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        introduce::release(world, progress.domid()?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
