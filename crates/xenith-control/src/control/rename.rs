//! Renaming a domain, and its stored config with it.

use uuid::Uuid;
use xenith_api::calendar::Utc;
use xenith_api::latest::{Domain, EventKind, Problem};
use xenith_engine::Engine;
use xenith_engine::check;
use xenith_engine::journal::{Identity, RenameEntry};
use xenith_engine::record::DomainRecord;

use super::Control;
use super::find::Found;
use super::lifecycle::guest;
use crate::log::Draft;

impl Control {
    /// Gives a domain another name. The new one is as good as any a create would take.
    pub fn rename(&self, id: &str, name: &str, caller: &str) -> Result<Domain, Problem> {
        let engine = self.engine()?;
        let found = guest(self.find(engine, id)?)?;
        let uuid = found.uuid();
        let held = self.registry.hold(uuid);
        let found = guest(self.find_again(engine, &found)?)?;
        if found.name == name {
            return Ok(self.told(&found.seen));
        }
        if let Some(problem) = check::problem(name, check::name(name)) {
            return Err(problem);
        }
        self.configs.may_rename(name, uuid)?;
        let entry = self.rename_entry(&found, Identity { uuid, name: name.to_owned() });
        self.registry.reserve_name(name, uuid)?;
        let renamed = engine.rename((self.fresh_ids)(), &entry);
        self.registry.release(uuid);
        renamed?;
        self.renamed(&entry, Some(caller));
        // Others' names are read from the store.
        self.learn_names(&self.all(engine)?);
        drop(held);
        self.changed();
        Ok(self.told(&found.seen))
    }

    fn rename_entry(&self, found: &Found, to: Identity) -> RenameEntry {
        let record = self.registry.own(found.uuid()).map(|record| (*record).clone());
        let from = Identity { uuid: found.uuid(), name: found.name.clone() };
        RenameEntry { domid: found.domid().0, from, to, record }
    }

    /// A domain is somebody else now: the registry, the stored config and the log learn of it.
    pub(super) fn renamed(&self, entry: &RenameEntry, caller: Option<&str>) {
        let RenameEntry { domid, from, to, .. } = entry;
        if let Some(record) = entry.renamed() {
            self.registry.forget(from.uuid);
            self.registry.settle(record);
        }
        if from.uuid == to.uuid {
            self.config_follows(to.uuid, &to.name);
        }
        let detail = format!("d{domid} {}: renamed from {}", to.name, from.name);
        tracing::info!("{detail}");
        let told = Draft::new(EventKind::DomainRenamed, detail).domain(&to.name, Some(*domid), to.uuid);
        self.tell(vec![match caller {
            Some(caller) => told.caller(caller),
            None => told,
        }]);
    }

    /// A stored config has the name of its domain.
    pub(super) fn config_follows(&self, uuid: Uuid, name: &str) {
        if let Err(problem) = self.configs.rename(uuid, name) {
            tracing::error!("{problem}; it is tried again when control starts");
        }
    }

    /// What becomes of a domain that makes room for its successor: as xl has it, its name has the minute behind it.
    pub(super) fn kept_aside(&self, engine: &Engine, record: &DomainRecord) -> RenameEntry {
        let DomainRecord { uuid, domid, ref config, .. } = *record;
        let stamp = Utc::of(engine.world.clock.since_epoch().as_secs()).stamp();
        let from = Identity { uuid, name: config.name.clone() };
        // A name has 63 characters at most, and two domains may stop within one minute.
        let short: String = config.name.chars().take(63 - stamp.len() - 4).collect();
        let uuid = (self.fresh_ids)();
        let mut name = format!("{short}-{stamp}");
        for count in 2..100 {
            if self.registry.is_free(&name, uuid).is_ok() {
                break;
            }
            name = format!("{short}-{stamp}.{count}");
        }
        RenameEntry { domid, from, to: Identity { uuid, name }, record: Some(record.clone()) }
    }
}
