//! A step of a create that an earlier daemon did: what it did is not known any more, and goes with the domain.

use super::{Doing, WITH_THE_DOMAIN};
use crate::fault::Fault;
use crate::journal::Progress;
use crate::world::World;

/// Stands where such a step stood, so that the numbers in the journal keep their meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier;

impl Doing for Earlier {
    fn text(&self) -> String {
        "a step of an earlier daemon".to_owned()
    }

    fn undo_text(&self) -> String {
        WITH_THE_DOMAIN.to_owned()
    }

    /// A create is resumed only where all such steps were done.
    fn act(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Err(Fault::Unknown("what an earlier daemon did"))
    }

    fn undo(&self, _: &World, _: &mut Progress) -> Result<(), Fault> {
        Ok(())
    }
}
