//! Makes the guest's two ports, unbound: the store and the console bind to them.

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Allocates the ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventChannels {
    /// Who serves the store.
    pub store: xen_abi::DomId,
    /// Who serves the console.
    pub console: xen_abi::DomId,
}

impl Doing for EventChannels {
    fn text(&self) -> String {
        format!("allocate event channels: store with {}, console with {}", self.store, self.console)
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let domid = progress.domid()?;
        progress.store_port = Some(world.xen.alloc_unbound(domid, self.store)?.0);
        progress.console_port = Some(world.xen.alloc_unbound(domid, self.console)?.0);
        Ok(())
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
