//! Restarting a domain that stopped: destroyed and created again under the same uuid, or kept under another one and created again. A page of its
//! own says so, since between the two there is nothing of the domain left.

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
    /// Its destroy, or its rename.
    pub destroy: Uuid,
    /// Its create.
    pub create: Uuid,
}

impl Engine {
    /// Destroys the domain, or makes it somebody else, and creates it again.
    pub fn restart(&self, ids: RestartIds, entry: &RestartEntry) -> Result<Created, NotCreated> {
        let subject = format!("domain {}", entry.config.name);
        let page = self.journal.begin(ids.restart, &Operation::Restart(entry.clone())).map_err(|e| journal_problem(&subject, &e))?;
        let created = self.put_away_and_create(ids, entry);
        if !created.as_ref().is_err_and(|failed| failed.leftovers) {
            page.close().map_err(|error| journal_problem(&subject, &error))?;
        }
        created
    }

    pub(super) fn put_away_and_create(&self, ids: RestartIds, entry: &RestartEntry) -> Result<Created, NotCreated> {
        let away = match &entry.keep {
            None => self.destroy(ids.destroy, entry.uuid, DomId(entry.domid), &entry.config.name),
            Some(keep) => self.rename(ids.destroy, keep),
        };
        away.map_err(|problem| NotCreated { problem: Box::new(problem), leftovers: true })?;
        self.create(&CreateOrder {
            config: entry.config.clone(),
            uuid: entry.uuid,
            operation: ids.create,
            paused: false,
            quick_restarts: entry.quick_restarts,
        })
    }
}
