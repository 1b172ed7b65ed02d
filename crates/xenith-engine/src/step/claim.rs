//! Sets the domain's memory aside in one step, so that two creates at once cannot both fail half way.

use xen_abi::Errno;

use super::Doing;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Claims the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How many pages.
    pub pages: u64,
}

impl Doing for Claim {
    fn text(&self) -> String {
        format!("claim {} pages", self.pages)
    }

    fn undo_text(&self) -> String {
        "release the claim".to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let claimed = world.xen.claim_pages(progress.domid()?, self.pages);
        claimed.map_err(|error| if error.is_out_of_memory() { self.short(world) } else { error.into() })
    }

    fn undo(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let Some(domid) = progress.domid.map(xen_abi::DomId) else { return Ok(()) };
        match world.xen.claim_pages(domid, 0) {
            // EINVAL: the domain is dying, which releases its claim.
            Err(error) if error.is_no_such_domain() || error.errno() == Some(Errno::EINVAL) => Ok(()),
            answer => Ok(answer?),
        }
    }
}

impl Claim {
    fn short(&self, world: &World) -> Fault {
        let free = world.xen.phys_info().map(|info| info.free_pages.saturating_sub(info.outstanding_pages));
        Fault::HostMemory { wanted_kib: self.pages * 4, free_kib: free.unwrap_or(0) * 4 }
    }
}
