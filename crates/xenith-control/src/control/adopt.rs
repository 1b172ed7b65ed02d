//! Domains of others: what came and went without us, and which of them are ours from now on.

use std::cell::LazyCell;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;
use xen_abi::DomId;
use xenith_api::latest::{Code, Domain, DomainConfig, EventKind, Problem};
use xenith_engine::engine::Seen;
use xenith_engine::record::DomainRecord;
use xenith_engine::{Engine, check};

use super::Control;
use crate::adopt::{self, Keepers, Record};
use crate::log::Draft;
use crate::problem;

/// How soon a stopped domain is looked at again whose toolstack has not acted yet.
const AGAIN: Duration = Duration::from_secs(2);
/// The caller of what nobody asked for.
const OURSELVES: &str = "xenith";

/// The domains of others that were there at the last look.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// None before the first look: what was there then is no news.
    there: Option<HashMap<(u16, Uuid), String>>,
    configs: HashMap<(u16, Uuid), DomainConfig>,
}

impl Control {
    /// Makes a domain of others ours: the process that looks after it is ended, and what its config says of a stop is ours to do.
    pub fn adopt(&self, id: &str, caller: &str) -> Result<Domain, Problem> {
        let engine = self.engine()?;
        let found = self.find(engine, id)?;
        if self.registry.own(found.uuid()).is_some() {
            return Ok(self.told(&found.seen));
        }
        if found.domid() == DomId::DOM0 || found.seen.info.dying {
            return Err(not_adoptable(&found.name, "it is no guest, or on its way out"));
        }
        let record = self.record(&found.seen).unwrap_or_else(|| Err("libxl keeps no record of it".to_owned()));
        let record = record.map_err(|why| not_adoptable(&found.name, &why))?;
        self.may_be_ours(&record, &found.name)?;
        let keepers = Keepers::look(&self.proc_dir);
        if let Some(keeper) = keepers.of(&[&found.name, &record.config.name]) {
            keeper.end(&self.proc_dir).map_err(|why| not_adoptable(&found.name, &why))?;
            tracing::info!("{} {}: its monitor, pid {} {}, was ended for {caller}", found.domid(), found.name, keeper.pid, keeper.name);
        }
        // It may have been destroyed, or restarted, by its monitor in the last moment.
        let found = self.find_again(engine, &found)?;
        self.take(engine, &found.seen, &found.name, record, caller)?;
        Ok(self.told(&found.seen))
    }

    /// Tells what came and went, and takes over what nobody looks after. Gives when to look again.
    pub(super) fn look_after_others(&self, engine: &Engine, all: &[Seen]) -> Option<Duration> {
        let guests = all.iter().filter(|seen| seen.domid() != DomId::DOM0 && !seen.info.dying);
        let others: Vec<&Seen> = guests.filter(|seen| !self.registry.is_ours(seen.uuid())).collect();
        self.tell_drift(engine, &others);
        // Looked at once, and only where somebody's domain may be ours.
        let keepers = LazyCell::new(|| Keepers::look(&self.proc_dir));
        others.into_iter().filter_map(|seen| self.look_after_other(engine, seen, &keepers)).min()
    }

    fn look_after_other(&self, engine: &Engine, seen: &Seen, keepers: &impl Deref<Target = Keepers>) -> Option<Duration> {
        let stopped = seen.info.shutdown.is_some();
        // One that never ran may still be under construction; one whose record we cannot use stays as it is.
        if !stopped && seen.info.cpu_time_ns == 0 {
            return None;
        }
        let Some(Ok(record)) = self.record(seen) else { return None };
        let name = self.name_of(seen);
        if keepers.of(&[&name, &record.config.name]).is_some() {
            return stopped.then_some(AGAIN);
        }
        match self.may_be_ours(&record, &name).and_then(|()| self.take(engine, seen, &name, record, OURSELVES)) {
            Ok(()) => stopped.then_some(Duration::ZERO),
            Err(problem) => {
                tracing::warn!("{problem}");
                None
            }
        }
    }

    fn may_be_ours(&self, record: &Record, name: &str) -> Result<(), Problem> {
        match check::complaints(&record.config).first() {
            Some(complaint) => Err(not_adoptable(name, &complaint.to_string())),
            None => Ok(()),
        }
    }

    /// From here on it is ours, also for the next daemon.
    fn take(&self, engine: &Engine, seen: &Seen, name: &str, record: Record, caller: &str) -> Result<(), Problem> {
        let (domid, uuid) = (seen.domid().0, seen.uuid());
        let held = self.registry.hold(uuid);
        if self.registry.own(uuid).is_some() {
            return Ok(());
        }
        let config = DomainConfig { name: name.to_owned(), uuid: Some(uuid), ..record.config };
        let created_ms = u64::try_from(self.clock.since_epoch().as_millis()).unwrap_or(u64::MAX);
        let own = DomainRecord { uuid, domid, created_ms, quick_restarts: 0, held: false, config };
        let kept = engine.world.records.save(&own);
        kept.map_err(|error| problem::internal(&format!("domain {name}"), format!("domain {name}: its record: {error}")))?;
        self.registry.settle(own);
        self.others().forget(domid, uuid);
        let but = if record.lost.is_empty() { String::new() } else { format!("; another thing with us: {}", record.lost.join(", ")) };
        let detail = format!("d{domid} {name}: ours from now on{but}");
        tracing::info!("{detail}");
        self.tell(vec![Draft::new(EventKind::DomainAdopted, detail).domain(name, Some(domid), uuid).caller(caller)]);
        drop(held);
        Ok(())
    }

    fn tell_drift(&self, engine: &Engine, others: &[&Seen]) {
        let before = self.others().there.take();
        let known = |key: &(u16, Uuid)| before.as_ref().is_some_and(|before| before.contains_key(key));
        let there = others.iter().filter(|seen| known(&key(seen)) || self.is_still_there(engine, key(seen)));
        let now: HashMap<(u16, Uuid), String> = there.map(|seen| (key(seen), self.name_of(seen))).collect();
        self.others().there = Some(now.clone());
        let Some(before) = before else { return };
        let drift = |(domid, uuid): (u16, Uuid), name: &str, what: &str| {
            let detail = format!("d{domid} {name}: somebody else {what} it");
            Draft::new(EventKind::Drift, detail).domain(name, Some(domid), uuid)
        };
        let came = now.iter().filter(|(key, _)| !before.contains_key(*key));
        let gone = before.iter().filter(|(key, _)| !now.contains_key(*key) && !self.registry.is_ours(key.1));
        let mut drafts: Vec<Draft> = came.map(|(key, name)| drift(*key, name, "created")).collect();
        drafts.extend(gone.map(|(key, name)| drift(*key, name, "destroyed")));
        if !drafts.is_empty() {
            self.tell(drafts);
        }
    }

    /// The list may be older than the end of a domain of ours.
    fn is_still_there(&self, engine: &Engine, (domid, uuid): (u16, Uuid)) -> bool {
        let seen = engine.look(DomId(domid)).ok().flatten();
        seen.is_some_and(|seen| seen.uuid() == uuid && !seen.info.dying) && !self.registry.is_ours(uuid)
    }

    /// What libxl says that it is, read anew.
    fn record(&self, seen: &Seen) -> Option<Result<Record, String>> {
        let (domid, uuid) = key(seen);
        let record = adopt::read(&self.libxl_dir, domid, uuid);
        if let Some(Ok(record)) = &record {
            self.others().configs.insert((domid, uuid), record.config.clone());
        }
        record
    }

    /// The config of a domain of others, as libxl tells it.
    pub(super) fn foreign_config(&self, seen: &Seen, anew: bool) -> Option<DomainConfig> {
        if seen.domid() == DomId::DOM0 || self.registry.is_ours(seen.uuid()) {
            return None;
        }
        if anew {
            let _ = self.record(seen);
        }
        self.others().configs.get(&key(seen)).cloned()
    }

    /// A domain is gone by our doing: what libxl kept of it goes as well, and its end is no news.
    pub(super) fn forget_other(&self, domid: DomId, uuid: Uuid) {
        self.others().forget(domid.0, uuid);
        if adopt::path(&self.libxl_dir, domid.0, uuid).exists() {
            adopt::remove(&self.libxl_dir, domid.0, uuid);
        }
    }

    fn others(&self) -> MutexGuard<'_, Others> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Others {
    fn forget(&mut self, domid: u16, uuid: Uuid) {
        self.configs.remove(&(domid, uuid));
        self.there.iter_mut().for_each(|there| drop(there.remove(&(domid, uuid))));
    }
}

fn key(seen: &Seen) -> (u16, Uuid) {
    (seen.domid().0, seen.uuid())
}

fn not_adoptable(name: &str, why: &str) -> Problem {
    let detail = format!("domain {name}: it cannot be ours: {why}");
    Problem::new(Code::NotAdoptable, format!("domain {name}"), detail, "pause, unpause, shutdown and destroy work all the same")
}
