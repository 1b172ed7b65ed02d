//! Writes who a domain is into its store nodes: its name, and with another uuid the directory below `/vm` as well.

use xen_abi::DomId;
use xen_store::client::{Request, Requests};
use xen_store::path;
use xen_store::perms::{Perm, Rights};

use super::Doing;
use crate::fault::Fault;
use crate::journal::{Identity, Progress};
use crate::world::World;

/// Writes the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameNodes {
    /// The domain's number.
    pub domid: DomId,
    /// Who it was.
    pub from: Identity,
    /// Who it is.
    pub to: Identity,
}

impl Doing for NameNodes {
    fn text(&self) -> String {
        format!("write the name {} to the store", self.to.name)
    }

    fn undo_text(&self) -> String {
        format!("write the name {} to the store", self.from.name)
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        write(world, self.domid, &self.from, &self.to)
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        write(world, self.domid, &self.to, &self.from)
    }
}

/// Nodes of a domain that is gone, or whose number another one has by now, are not touched.
fn write(world: &World, domid: DomId, from: &Identity, to: &Identity) -> Result<(), Fault> {
    let home = path::domain(domid);
    let (old, new) = (path::vm(from.uuid), path::vm(to.uuid));
    world.stores.with(|store| {
        store.transaction(|tx| {
            let stands = tx.read_text(&home.vm())?;
            let stands = stands.as_deref().unwrap_or_default();
            if stands == old.root().as_str() && old != new {
                let started = tx.read_text(&old.start_time())?.unwrap_or_default();
                let perms = [Perm::new(DomId::DOM0, Rights::NONE), Perm::new(domid, Rights::READ)];
                tx.pipeline_all(&[
                    Request::write(new.root(), ""),
                    Request::set_perms(new.root(), &perms),
                    Request::write(&new.uuid(), to.uuid.to_string()),
                    Request::write(&new.start_time(), started),
                    Request::write(&home.vm(), new.root().as_str()),
                    Request::rm(old.root()),
                ])?;
            } else if stands != new.root().as_str() {
                return Ok(());
            }
            tx.pipeline_all(&[Request::write(&home.name(), &to.name), Request::write(&new.name(), &to.name)]).map(drop)
        })
    })
}
