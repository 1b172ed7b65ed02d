//! Copies kernel, initrd, start record and ACPI tables into the domain, and clears its special pages.

use std::sync::Arc;

use xen_guest::pvh::build::{self, Contents};
use xen_guest::pvh::layout::{Layout, Span};

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Loads the domain.
#[derive(Clone, Debug)]
pub struct Load {
    /// Where everything lies.
    pub layout: Arc<Layout>,
    /// The kernel's command line.
    pub cmdline: String,
}

impl Doing for Load {
    fn text(&self) -> String {
        let span = |span: Span| format!("{:#x} to {:#x}", span.start, span.end());
        let Layout { kernel, initrd, start_info, .. } = &*self.layout;
        let initrd = initrd.map_or("no initrd".to_owned(), |initrd| format!("initrd {}", span(initrd)));
        format!("load kernel {}, {initrd}, start record {}", span(*kernel), span(*start_info))
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let images = world.images.as_ref().ok_or(Fault::Unknown("what the domain boots"))?;
        let contents =
            Contents { kernel: &images.kernel, initrd: images.initrd.as_ref(), cmdline: &self.cmdline, release: world.xen.release() };
        Ok(build::load(&*world.memory, progress.domid()?, &self.layout, &contents)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
