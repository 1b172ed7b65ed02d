//! Sets the registers of vcpu 0 and the memory types of all vcpus.

use std::sync::Arc;

use xen_guest::pvh::build;
use xen_guest::pvh::layout::Layout;

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets the context.
#[derive(Clone, Debug)]
pub struct SetVcpuContext {
    /// Where everything lies.
    pub layout: Arc<Layout>,
}

impl Doing for SetVcpuContext {
    fn text(&self) -> String {
        format!(
            "set the context, vcpus {}: entry {:#x}, start record {:#x}",
            self.layout.vcpus, self.layout.entry, self.layout.start_info.start
        )
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(build::vcpu_context(&world.xen, progress.domid()?, &self.layout)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
