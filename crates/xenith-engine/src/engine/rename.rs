//! Renaming a domain.

use uuid::Uuid;
use xenith_api::latest::Problem;

use super::{Engine, failed, journal_problem};
use crate::journal::{Operation, RenameEntry};
use crate::plan;
use crate::run;

impl Engine {
    /// Makes the domain who `entry` says, or leaves everything as it was. `operation` is the operation's id, unique.
    pub fn rename(&self, operation: Uuid, entry: &RenameEntry) -> Result<(), Problem> {
        let subject = format!("domain {}", entry.from.name);
        let page = self.journal.begin(operation, &Operation::Rename(entry.clone())).map_err(|error| journal_problem(&subject, &error))?;
        let plan = plan::rename(entry);
        let finished = run::start(&self.run(&plan.steps, &self.world, true), page);
        finished.map(drop).map_err(|failure| failed(&subject, &failure))
    }
}
