//! Allocates the vcpus: the number given at creation (EINVAL otherwise), and needed in spite of it.

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Allocates the domain's vcpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaxVcpus {
    /// How many.
    pub vcpus: u32,
}

impl Doing for MaxVcpus {
    fn text(&self) -> String {
        format!("allocate vcpus: {}", self.vcpus)
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(world.xen.set_max_vcpus(progress.domid()?, self.vcpus)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
