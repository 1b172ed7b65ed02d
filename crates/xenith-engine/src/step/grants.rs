//! Grants the rings to whoever serves them: entry 0 the console's, entry 1 the store's, so that neither needs a right to foreign memory.

use xen_guest::pvh::build::{self, Peers};

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Seeds the grant table.
#[derive(Clone, Debug)]
pub struct SeedGrants {
    /// Who serves the domain.
    pub peers: Peers,
}

impl Doing for SeedGrants {
    fn text(&self) -> String {
        format!("seed the grant table: console for {}, store for {}", self.peers.console, self.peers.store)
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(build::grants(&world.xen, &*world.memory, progress.domid()?, self.peers)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
