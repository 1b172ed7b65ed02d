//! Bounds the memory: what the guest has, and a slack for the special pages and for grant table frames.

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets the bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxMem {
    /// The most memory that the domain may have, in KiB.
    pub max_kib: u64,
}

impl Doing for MaxMem {
    fn text(&self) -> String {
        format!("bound memory to {} KiB", self.max_kib)
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(world.xen.set_max_mem(progress.domid()?, self.max_kib)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
