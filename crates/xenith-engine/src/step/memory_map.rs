//! Sets the map that the domain hears when it asks Xen; its start record has the same.

use std::sync::Arc;

use xen_abi::hypercall::memory::set_memory_map::MemoryMapEntry;
use xen_guest::pvh::build;
use xen_guest::pvh::layout::Layout;

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets the memory map.
#[derive(Clone, Debug)]
pub struct SetMemoryMap {
    /// Where everything lies.
    pub layout: Arc<Layout>,
}

impl Doing for SetMemoryMap {
    fn text(&self) -> String {
        let entry = |entry: &MemoryMapEntry| format!("{:#x}+{:#x} {:?}", entry.start, entry.length, entry.kind);
        let map: Vec<String> = self.layout.map.iter().map(entry).collect();
        format!("set the memory map: {}", map.join(", ").to_lowercase())
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(build::memory_map(&world.xen, progress.domid()?, &self.layout)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
