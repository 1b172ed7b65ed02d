//! Keeps what the domain was created from, for a control that starts again.

use crate::fault::Fault;
use crate::journal::Progress;
use crate::record::DomainRecord;
use crate::step::Doing;
use crate::world::World;

/// Writes the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The record; its number is filled in when it is known.
    pub record: DomainRecord,
}

impl Doing for Record {
    fn text(&self) -> String {
        "record the domain".to_owned()
    }

    fn undo_text(&self) -> String {
        "remove the record".to_owned()
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Fault> {
        let record = DomainRecord { domid: progress.domid()?.0, ..self.record.clone() };
        world.records.save(&record).map_err(Fault::Record)
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Fault> {
        world.records.remove(self.record.uuid).map_err(Fault::Record)
    }
}
