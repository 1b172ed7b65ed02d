//! Tells the store of the domain: from here on its ring is served, and the console finds it by the event that this causes.

use xen_abi::{DomId, Gfn};
use xen_store::client::Requests;
use xen_store::wire::XsError;

use super::Doing;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Introduces the domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introduce {
    /// The page of its store ring.
    pub gfn: Gfn,
}

impl Doing for Introduce {
    fn text(&self) -> String {
        format!("introduce to the store, ring at {}", self.gfn)
    }

    fn undo_text(&self) -> String {
        "release from the store".to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let domid = progress.domid()?;
        let port = progress.ports()?.store;
        world.stores.with(|store| store.introduce(domid, self.gfn, port))
    }

    fn undo(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let Some(domid) = progress.domid.map(DomId) else { return Ok(()) };
        release(world, domid)
    }
}

/// Releases a domain; one that is not introduced is no error.
pub(super) fn release(world: &World, domid: DomId) -> Result<(), Fault> {
    match world.stores.with(|store| store.release(domid)) {
        // It was not introduced, or is gone: C xenstored says the first, oxenstored the second (facts of the peers' differences).
        Err(Fault::Store(error)) if matches!(error.refusal(), Some(XsError::NoEntry | XsError::Invalid)) => Ok(()),
        answer => answer,
    }
}
