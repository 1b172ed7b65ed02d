//! Tells Xen how much a domain shall have that is populated on demand; changes nothing in any other. Xen fills the domain's cache of pages up to
//! that, never takes from it, and keeps no target (`p2m_pod_set_mem_target`, xen/arch/x86/mm/p2m-pod.c). So there is nothing to put back, and what the
//! cache has too much goes as the balloon gives back gfns that were never touched.

use uuid::Uuid;
use xen_abi::DomId;

use super::Doing;
use crate::domain;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Tells a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodTarget {
    /// The domain's handle.
    pub uuid: Uuid,
    /// Its number.
    pub domid: DomId,
    /// What it shall have in all, in KiB; not more than its bound.
    pub target_kib: u64,
}

impl Doing for PodTarget {
    fn text(&self) -> String {
        format!("populate on demand up to {} KiB", self.target_kib)
    }

    fn undo_text(&self) -> String {
        "none, Xen keeps no target".to_owned()
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        domain::find(world, self.uuid, Some(self.domid))?.ok_or(Fault::Gone)?;
        world.xen.set_pod_target(self.domid, self.target_kib / 4)?;
        Ok(())
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
