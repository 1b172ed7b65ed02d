//! Keeps a domain's record under its new name or uuid.

use super::Doing;
use crate::fault::Fault;
use crate::journal::Progress;
use crate::record::DomainRecord;
use crate::world::World;

/// Writes one record in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceRecord {
    /// The record before.
    pub from: DomainRecord,
    /// The record after.
    pub to: DomainRecord,
}

impl Doing for ReplaceRecord {
    fn text(&self) -> String {
        "record who the domain is".to_owned()
    }

    fn undo_text(&self) -> String {
        "record who it was".to_owned()
    }

    fn act(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        replace(world, &self.from, &self.to)
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        replace(world, &self.to, &self.from)
    }
}

/// At no time is there no record.
fn replace(world: &World, old: &DomainRecord, new: &DomainRecord) -> Result<(), Fault> {
    world.records.save(new).map_err(Fault::Record)?;
    if old.uuid == new.uuid { Ok(()) } else { world.records.remove(old.uuid).map_err(Fault::Record) }
}
