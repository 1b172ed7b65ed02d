//! Gives the domain its memory, in extents as large as the host has them.

use std::sync::Arc;

use xen_guest::pvh::build;
use xen_guest::pvh::layout::Layout;

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Populates RAM and the pages outside of it.
#[derive(Clone, Debug)]
pub struct Populate {
    /// Where everything lies.
    pub layout: Arc<Layout>,
}

impl Doing for Populate {
    fn text(&self) -> String {
        let Layout { low_ram, high_ram, .. } = &*self.layout;
        let high = high_ram.map_or(String::new(), |high| format!(", {:#x} to {:#x}", high.start, high.end()));
        format!(
            "populate {} pages: {:#x} to {:#x}{high}, tables and special pages",
            self.layout.total_pages(),
            low_ram.start,
            low_ram.end()
        )
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        Ok(build::populate(&world.xen, progress.domid()?, &self.layout)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
