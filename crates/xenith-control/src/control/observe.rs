//! Looking around: after every event of the store, and from time to time without one.
//!
//! ```text
//!   what an earlier try left     --> recover
//!   ours, and gone               --> somebody destroyed it: its nodes and its record go too
//!   ours, and stopped            --> reap: [on]
//!   being made, and stopped      --> looked at again: nobody tells when the operation is through
//!   others'                      --> their names are taken
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use uuid::Uuid;
use xen_abi::DomId;
use xen_store::client::Request;
use xen_store::path::{self, DeviceKind};
use xenith_api::latest::{EventKind, Problem};
use xenith_engine::Engine;
use xenith_engine::engine::{Recovered, Seen};
use xenith_engine::record::DomainRecord;

use super::create::{created, destroyed};
use super::{Control, Mode};
use crate::log::Draft;

/// How soon a domain is looked at again that is on its way out.
const DYING_AGAIN: Duration = Duration::from_millis(500);
/// How soon one is looked at again that stopped while an operation was still making it.
const IN_HAND_AGAIN: Duration = Duration::from_millis(100);

impl Control {
    /// Looks at every domain and does what is due. Gives the time until something else is due, where something is,
    /// by the host's clock.
    pub fn observe(self: &Arc<Self>) -> Result<Option<Duration>, Problem> {
        let Mode::Full(engine) = &self.mode else {
            self.changed();
            return Ok(None);
        };
        self.make_skeleton();
        self.recover(engine);
        // The records first: a domain that is created between the two questions is seen, and not taken for gone.
        let own = self.registry.all_own();
        let all = self.all(engine)?;
        self.learn_names(&all);
        let by_uuid: HashMap<Uuid, &Seen> = all.iter().map(|seen| (seen.uuid(), seen)).collect();
        let ours = own.iter().filter_map(|record| self.look_after(engine, record, by_uuid.get(&record.uuid).copied())).min();
        let in_hand = all.iter().any(|seen| self.stopped_in_hand(&own, seen)).then_some(IN_HAND_AGAIN);
        let next = [ours, in_hand, self.look_after_others(engine, &all)].into_iter().flatten().min();
        self.changed();
        Ok(next.map(|due| engine.world.clock.by_the_host(due)))
    }

    fn look_after(self: &Arc<Self>, engine: &Engine, record: &DomainRecord, seen: Option<&Seen>) -> Option<Duration> {
        match seen {
            None => {
                self.clean_up_after(engine, record);
                None
            }
            // Somebody destroyed it, and somebody still holds its memory: nobody tells when it is gone.
            Some(seen) if seen.info.dying => Some(DYING_AGAIN),
            // The one that is being restarted, whose record is that of its last life.
            Some(seen) if seen.domid().0 != record.domid => None,
            Some(seen) => seen.info.shutdown.and_then(|reason| self.reap(engine, record, reason)),
        }
    }

    /// Whether a domain stopped that an operation is making, or has made since the records were read: a kernel may end sooner than the operation that
    /// started it.
    fn stopped_in_hand(&self, own: &[Arc<DomainRecord>], seen: &Seen) -> bool {
        let is = |record: &Arc<DomainRecord>| (record.uuid, record.domid) == (seen.uuid(), seen.domid().0);
        let unknown = seen.info.shutdown.is_some() && !seen.info.dying && !own.iter().any(is);
        // In this order: it is in hand until its record is there.
        unknown && (self.registry.in_hand().contains(&seen.uuid()) || self.registry.own(seen.uuid()).as_ref().is_some_and(is))
    }

    /// A domain of ours that is gone without our doing.
    fn clean_up_after(&self, engine: &Engine, record: &DomainRecord) {
        let Some(held) = self.take_in_hand(record) else { return };
        let name = &record.config.name;
        tracing::info!("domain {name}: d{} is gone, somebody destroyed it", record.domid);
        match engine.destroy((self.fresh_ids)(), record.uuid, DomId(record.domid), name) {
            Ok(()) => {
                self.registry.forget(record.uuid);
                self.forget_other(DomId(record.domid), record.uuid);
                let detail = format!("d{} {name}: somebody else destroyed it", record.domid);
                let drift = Draft::new(EventKind::Drift, detail).domain(name, Some(record.domid), record.uuid);
                self.tell(vec![drift, destroyed(name, record.domid, record.uuid)]);
            }
            Err(problem) => tracing::warn!("{problem}; it is tried again"),
        }
        drop(held);
    }

    /// Finishes what was left, by an earlier daemon or an earlier try.
    pub(crate) fn recover(&self, engine: &Engine) {
        let recovered = match engine.recover(&mut || (self.fresh_ids)()) {
            Ok(recovered) => recovered,
            Err(error) => return tracing::error!("journal: {error}"),
        };
        for one in recovered {
            match one {
                Recovered::Created(record) => {
                    self.tell(vec![created(&record)]);
                    self.registry.settle(record);
                }
                Recovered::Reset(record) => self.went_on(record),
                Recovered::Renamed(entry) => self.renamed(&entry, None),
                Recovered::Resized(entry) => self.resized(&entry, None),
                Recovered::Unwound(uuid) => self.registry.release(uuid),
                Recovered::Destroyed(uuid) => {
                    if let Some(record) = self.registry.own(uuid) {
                        self.tell(vec![destroyed(&record.config.name, record.domid, uuid)]);
                    }
                    self.registry.forget(uuid);
                }
                Recovered::Over(_) | Recovered::Later(_) => {}
            }
        }
    }

    /// Makes the directories that every domain's nodes stand in, once: so a create that is taken back leaves the store exactly as it was.
    pub(super) fn make_skeleton(&self) {
        if self.skeleton.load(Ordering::Relaxed) {
            return;
        }
        let homes = [path::VmPaths::all(), path::LibxlPaths::all(), path::backend_root(DomId::DOM0, DeviceKind::Console)];
        let requests: Vec<Request> = homes.iter().map(Request::mkdir).collect();
        match self.stores.with(|store| store.pipeline_all(&requests)) {
            Ok(_) => self.skeleton.store(true, Ordering::Relaxed),
            Err(fault) => tracing::warn!("store: {fault}"),
        }
    }
}
