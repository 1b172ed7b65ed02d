//! Destroying a domain: there is no way back, so what is in the way only delays it.

use uuid::Uuid;
use xen_abi::DomId;
use xenith_api::latest::Problem;

use super::{Engine, failed, journal_problem};
use crate::journal::{DestroyEntry, Operation};
use crate::plan;
use crate::run;

impl Engine {
    /// Destroys the domain with this handle and removes everything that stands for it. Where that fails half way, the rest is done by
    /// [`Engine::recover`]. `operation` is the operation's id, unique.
    pub fn destroy(&self, operation: Uuid, uuid: Uuid, domid: DomId, name: &str) -> Result<(), Problem> {
        let subject = format!("domain {name}");
        let entry = DestroyEntry { uuid, domid: domid.0, name: name.to_owned() };
        let page = self.journal.begin(operation, &Operation::Destroy(entry)).map_err(|error| journal_problem(&subject, &error))?;
        let plan = plan::destroy(uuid, domid);
        let finished = run::start(&self.run(&plan.steps, &self.world, false), page);
        finished.map(drop).map_err(|failure| failed(&subject, &failure))
    }
}
