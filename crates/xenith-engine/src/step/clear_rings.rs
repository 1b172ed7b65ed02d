//! Empties the store's and the console's ring: whoever looks at them next has never spoken.

use super::{Doing, NO_WAY_BACK};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;
use xen_guest::pvh::build;

/// Empties the rings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearRings;

impl Doing for ClearRings {
    fn text(&self) -> String {
        "empty the store ring and the console ring".to_owned()
    }

    fn undo_text(&self) -> String {
        NO_WAY_BACK.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(build::clear_rings(&*world.memory, progress.domid()?)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
