//! Tells the vcpus what they are: the default policy of the host, with a topology in which every vcpu is a core.

use std::sync::Arc;

use xen_abi::hypercall::cpu_policy::CpuPolicy;
use xen_guest::pvh::build;

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets the CPU policy.
#[derive(Clone, Debug)]
pub struct SetCpuPolicy {
    /// What a PVH domain of this host gets unless something else is asked (`hvm_default`).
    pub default: Arc<CpuPolicy>,
}

impl Doing for SetCpuPolicy {
    fn text(&self) -> String {
        "set the CPU policy: the host's default, each vcpu a core".to_owned()
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(build::cpu_policy(&world.xen, progress.domid()?, &self.default)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
