//! Stored configs, and the domains that come of them.

use uuid::Uuid;
use xenith_api::difference;
use xenith_api::latest::{Code, CreateRequest, CreateResponse, DomainConfig, EventKind, Problem, StartRequest, StoredConfig};
use xenith_engine::check;
use xenith_engine::record::DomainRecord;

use super::Control;
use crate::configs::{Condition, Stored};
use crate::log::Draft;
use crate::operations::{Of, Op};

impl Control {
    /// Every stored config, by name.
    pub fn configs(&self) -> Result<Vec<StoredConfig>, Problem> {
        Ok(self.configs.all().iter().map(|one| self.told_config(one)).collect())
    }

    /// One of them.
    pub fn config(&self, name: &str) -> Result<StoredConfig, Problem> {
        Ok(self.told_config(&*self.configs.get(name)?))
    }

    /// Stores a config; whether it is the first of its name. The uuid stays what it was, or is that of the domain that runs.
    pub fn store_config(&self, config: DomainConfig, condition: &Condition, caller: &str) -> Result<(StoredConfig, bool), Problem> {
        if let Some(problem) = check::problem(&config.name, check::complaints(&config)) {
            return Err(problem);
        }
        if let Some(record) = config.uuid.and_then(|uuid| self.registry.own(uuid)).filter(|record| record.config.name != config.name) {
            let (name, uuid) = (&config.name, record.uuid);
            let detail = format!("config {name}: the uuid {uuid} is that of the domain {}", record.config.name);
            return Err(Problem::new(Code::NameInUse, format!("config {name}"), detail, "choose another, or leave it out"));
        }
        let uuid = self.registry.own_named(&config.name).unwrap_or_else(|| (self.fresh_ids)());
        let (stored, new) = self.configs.replace(config, uuid, condition)?;
        self.tell_config(EventKind::ConfigStored, &stored, "stored", caller);
        Ok((self.told_config(&stored), new))
    }

    /// Removes a stored config. Its domain goes on.
    pub fn remove_config(&self, name: &str, condition: &Condition, caller: &str) -> Result<(), Problem> {
        let stored = self.configs.remove(name, condition)?;
        self.tell_config(EventKind::ConfigRemoved, &stored, "removed", caller);
        Ok(())
    }

    /// Creates the domain of a stored config.
    pub fn start_stored(&self, name: &str, request: StartRequest, op: &Op) -> Result<CreateResponse, Problem> {
        let config = self.configs.get(name)?.config.clone();
        self.create(CreateRequest { config, paused: request.paused, dry_run: false }, op)
    }

    /// The domain that a stored config makes, for [`Control::begin_once`].
    pub fn about_config(&self, name: &str) -> Option<Of> {
        Some(Of { uuid: self.configs.find(name)?.uuid, domid: None })
    }

    /// What a domain is made from when it starts again: what is stored for it, or what it was made from.
    pub(super) fn next_config(&self, record: &DomainRecord) -> DomainConfig {
        let stored = self.configs.find(&record.config.name).filter(|stored| stored.uuid == record.uuid);
        stored.map_or_else(|| record.config.clone(), |stored| stored.config.clone())
    }

    /// The uuid that a domain of this name has, where a config says so.
    pub(super) fn stored_uuid(&self, name: &str) -> Option<Uuid> {
        self.configs.find(name).map(|stored| stored.uuid)
    }

    fn told_config(&self, stored: &Stored) -> StoredConfig {
        let record = self.registry.own_named(&stored.config.name).and_then(|uuid| self.registry.own(uuid));
        let differences = record.as_ref().map_or_else(Vec::new, |record| {
            let runs = DomainConfig { uuid: Some(record.uuid), ..record.config.clone() };
            // When it starts is no matter of what runs.
            let runs = DomainConfig { start: stored.config.start.clone(), ..runs };
            difference::between(&runs, &stored.config)
        });
        StoredConfig {
            config: stored.config.clone(),
            etag: stored.etag.clone(),
            domid: record.map(|record| record.domid),
            pending: !differences.is_empty(),
            differences,
        }
    }

    fn tell_config(&self, kind: EventKind, stored: &Stored, done: &str, caller: &str) {
        let name = &stored.config.name;
        let domid = self.registry.own(stored.uuid).map(|record| record.domid);
        self.tell(vec![Draft::new(kind, format!("config {name}: {done}")).domain(name, domid, stored.uuid).caller(caller)]);
    }
}
