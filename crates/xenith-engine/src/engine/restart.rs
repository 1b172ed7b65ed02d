//! Restarting a domain that stopped: destroyed and created again under the same uuid. A page of its own says so, since between the two there is nothing
//! of the domain left.

use uuid::Uuid;
use xen_abi::DomId;

use super::create::NotCreated;
use super::{CreateOrder, Created, Engine, journal_problem};
use crate::journal::{Operation, RestartEntry};

/// The ids of a restart's operations, all unique.
#[derive(Clone, Copy, Debug)]
pub struct RestartIds {
    /// The whole.
    pub restart: Uuid,
    /// Its destroy.
    pub destroy: Uuid,
    /// Its create.
    pub create: Uuid,
}

impl Engine {
    /// Destroys the domain and creates it again.
    pub fn restart(&self, ids: RestartIds, entry: &RestartEntry) -> Result<Created, NotCreated> {
        let subject = format!("domain {}", entry.config.name);
        let page = self.journal.begin(ids.restart, &Operation::Restart(entry.clone())).map_err(|e| journal_problem(&subject, &e))?;
        let created = self.destroy_and_create(ids, entry);
        if !created.as_ref().is_err_and(|failed| failed.leftovers) {
            page.close().map_err(|error| journal_problem(&subject, &error))?;
        }
        created
    }

    pub(super) fn destroy_and_create(&self, ids: RestartIds, entry: &RestartEntry) -> Result<Created, NotCreated> {
        let destroyed = self.destroy(ids.destroy, entry.uuid, DomId(entry.domid), &entry.config.name);
        destroyed.map_err(|problem| NotCreated { problem: Box::new(problem), leftovers: true })?;
        self.create(&CreateOrder {
            config: entry.config.clone(),
            uuid: entry.uuid,
            operation: ids.create,
            paused: false,
            quick_restarts: entry.quick_restarts,
        })
    }
}
