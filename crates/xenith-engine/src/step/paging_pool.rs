//! Sizes the pool of the domain's page tables, before any memory is populated: otherwise a large guest fails half way.

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets the pool's size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagingPool {
    /// The size in KiB.
    pub kib: u64,
}

impl Doing for PagingPool {
    fn text(&self) -> String {
        format!("set the paging pool to {} KiB", self.kib)
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(world.xen.set_paging_pool(progress.domid()?, self.kib << 10)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
