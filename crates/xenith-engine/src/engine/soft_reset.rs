//! Letting a domain go on after a soft reset: once Xen has reset it there is no way back, so what is in the way only delays it.

use uuid::Uuid;
use xenith_api::latest::Problem;

use super::{Engine, failed, journal_problem};
use crate::journal::{Operation, SoftResetEntry};
use crate::plan;
use crate::run;

impl Engine {
    /// Resets the domain in place. Where that fails half way, the rest is done by [`Engine::recover`]. `operation` is the operation's id, unique.
    pub fn soft_reset(&self, operation: Uuid, entry: &SoftResetEntry) -> Result<(), Problem> {
        let subject = format!("domain {}", entry.config.name);
        let page =
            self.journal.begin(operation, &Operation::SoftReset(entry.clone())).map_err(|error| journal_problem(&subject, &error))?;
        let plan = plan::soft_reset(entry);
        let finished = run::start(&self.run(&plan.steps, &self.world, false), page);
        finished.map(drop).map_err(|failure| failed(&subject, &failure))
    }
}
