//! Runs a list of steps, journalled, and takes it back where it cannot be finished.
//!
//! ```text
//!            act 0 -> act 1 -> act 2 -> ... -> done, page closed
//!                        | fails, or is cancelled
//!            undo 0 <- undo 1                        undone, page closed: the step that failed is undone too,
//!                                                    since it may have happened in part
//! ```
//!
//! An undo is told nothing but the journal's progress, copes with a step that never happened, and can be done twice. One that
//! fails leaves the page: the way back is tried again later, from that step on.

mod hook;
mod runner;

use std::io;

use crate::journal::Progress;

pub use hook::{Always, Both, Hook, Moment, Next};
pub use runner::{Run, resume, start, unwind};

/// Something that can be done and undone.
pub trait Act {
    /// What it works on.
    type World: ?Sized;
    /// Why it fails.
    type Fault: std::error::Error;

    /// The step as stable text.
    fn text(&self) -> String;
    /// What undoes it, as stable text.
    fn undo_text(&self) -> String;
    /// Does it, and notes what later steps and the undo need.
    fn act(&self, world: &Self::World, progress: &mut Progress) -> Result<(), Self::Fault>;
    /// Takes it back, whether it happened whole, in part or not at all.
    fn undo(&self, world: &Self::World, progress: &mut Progress) -> Result<(), Self::Fault>;
}

/// A run that reached its end.
#[derive(Debug)]
pub struct Finished {
    /// What the steps found out.
    pub progress: Progress,
    /// How long each step took, in microseconds; none for steps that an earlier run did.
    pub durations_us: Vec<Option<u64>>,
}

/// A run that did not.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Failure<F: std::error::Error> {
    /// Why.
    pub cause: Cause<F>,
    /// What could not be undone, by step.
    pub left: Vec<(String, F)>,
    /// The journal's page is still there: what is left to do is done by a later try.
    pub page_stays: bool,
}

/// Why a run did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum Cause<F: std::error::Error> {
    /// A step failed.
    #[error("{step}: {fault}")]
    Step {
        /// The step's text.
        step: String,
        /// Its failure.
        fault: F,
    },
    /// Somebody asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The journal cannot be written.
    #[error("cannot write the journal: {0}")]
    Journal(#[from] io::Error),
    /// A hook ended the run as a kill would: nothing was undone.
    #[error("killed")]
    Killed,
    /// An earlier run had begun the way back, which is now done.
    #[error("an earlier run was unwound")]
    Unwound,
}

#[cfg(test)]
mod tests;
