//! The steps of a plan, one file each: what it says, what it does, what undoes it.
//!
//! A new step is a new file, a line in `steps!` and a place in a plan. Its undo is told by [`Act::undo`] and copes with a step that
//! never happened or is undone twice.

mod bound_memory;
mod claim;
mod clear_rings;
mod cpu_policy;
mod create_domain;
mod destroy_domain;
mod earlier;
mod event_channels;
mod forget;
mod gone;
mod grants;
mod hvm_params;
mod introduce;
mod load;
mod max_mem;
mod max_vcpus;
mod memory_map;
mod name_nodes;
mod paging_pool;
mod pause;
mod pod_target;
mod populate;
mod record;
mod release;
mod release_claim;
mod remove_nodes;
mod replace_record;
mod set_handle;
mod size_nodes;
mod soft_reset;
mod store_nodes;
mod unpause;
mod vcpu_context;
mod write_core;

use crate::fault::Fault;
use crate::journal::Progress;
use crate::run::Act;
use crate::world::World;

pub use bound_memory::BoundMemory;
pub use claim::Claim;
pub use clear_rings::ClearRings;
pub use cpu_policy::SetCpuPolicy;
pub use create_domain::CreateDomain;
pub use destroy_domain::DestroyDomain;
pub use earlier::Earlier;
pub use event_channels::EventChannels;
pub use forget::Forget;
pub use gone::AwaitGone;
pub use grants::SeedGrants;
pub use hvm_params::SetHvmParams;
pub use introduce::Introduce;
pub use load::Load;
pub use max_mem::MaxMem;
pub use max_vcpus::MaxVcpus;
pub use memory_map::SetMemoryMap;
pub use name_nodes::NameNodes;
pub use paging_pool::PagingPool;
pub use pause::Pause;
pub use pod_target::PodTarget;
pub use populate::Populate;
pub use record::Record;
pub use release::Release;
pub use release_claim::ReleaseClaim;
pub use remove_nodes::RemoveNodes;
pub use replace_record::ReplaceRecord;
pub use set_handle::SetHandle;
pub use size_nodes::SizeNodes;
pub use soft_reset::SoftReset;
pub use store_nodes::StoreNodes;
pub use unpause::Unpause;
pub use vcpu_context::SetVcpuContext;
pub use write_core::WriteCore;

/// What one step says and does.
pub(crate) trait Doing {
    /// The step as stable text.
    fn text(&self) -> String;
    /// What undoes it, as stable text.
    fn undo_text(&self) -> String;
    /// See [`Act::act`].
    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault>;
    /// See [`Act::undo`].
    fn undo(&self, world: &World, progress: &mut Progress) -> Result<(), Fault>;
}

/// Undone by whatever destroys the domain.
pub(crate) const WITH_THE_DOMAIN: &str = "goes with the domain";
/// A step of a destroy: there is no way back, only another try.
pub(crate) const NO_WAY_BACK: &str = "none, it is tried again until it is done";

macro_rules! steps {
    ($($name:ident),* $(,)?) => {
        /// One step of a plan.
        #[derive(Clone, Debug)]
        pub enum Step {
            $(
                #[doc = concat!("See [`", stringify!($name), "`].")]
                $name($name),
            )*
        }

        $(impl From<$name> for Step {
            fn from(step: $name) -> Step {
                Step::$name(step)
            }
        })*

        impl Step {
            fn doing(&self) -> &dyn Doing {
                match self { $(Step::$name(step) => step,)* }
            }
        }
    };
}

steps! {
    AwaitGone, BoundMemory, Claim, ClearRings, CreateDomain, DestroyDomain, Earlier, EventChannels, Forget, Introduce, Load, MaxMem, MaxVcpus, NameNodes, PagingPool, Pause, PodTarget, Populate, Record, Release, ReleaseClaim, RemoveNodes, ReplaceRecord, SeedGrants, SetCpuPolicy, SetHandle, SetHvmParams, SetMemoryMap, SetVcpuContext, SizeNodes, SoftReset, StoreNodes, Unpause, WriteCore,
}

impl Act for Step {
    type World = World;
    type Fault = Fault;

    fn text(&self) -> String {
        self.doing().text()
    }

    fn undo_text(&self) -> String {
        self.doing().undo_text()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        self.doing().act(world, progress)
    }

    fn undo(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        self.doing().undo(world, progress)
    }
}
