//! Tells the domain where its rings are and which ports go with them.

use xen_guest::pvh::build;
use xen_guest::pvh::layout::{CONSOLE_GFN, IDENTITY_TABLE_GFN, STORE_GFN};

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Sets the parameters.
#[derive(Clone, Debug)]
pub struct SetHvmParams;

impl Doing for SetHvmParams {
    fn text(&self) -> String {
        format!("set parameters: store ring {STORE_GFN:#x}, console ring {CONSOLE_GFN:#x}, identity table {IDENTITY_TABLE_GFN:#x}")
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let (domid, ports) = (progress.domid()?, progress.ports()?);
        Ok(build::hvm_params(&world.xen, domid, ports)?)
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
