//! A domain of ours that stopped by itself: what its config says is done, once.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use uuid::Uuid;
use xen_abi::DomId;
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::{Action, EventKind};
use xenith_engine::Engine;
use xenith_engine::engine::RestartIds;
use xenith_engine::journal::{RenameEntry, RestartEntry, SoftResetEntry};
use xenith_engine::life;
use xenith_engine::record::DomainRecord;

use super::create::{created, destroyed};
use super::{Control, Mode};
use crate::log::Draft;
use crate::registry::Held;

/// The caller of what a config wants.
pub(super) const OURSELVES: &str = "xenith";

/// A stopped domain that waits for its turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped {
    domid: u16,
    /// When its turn comes, by the engine's clock.
    due: Duration,
    quick_restarts: u32,
    /// Nobody looked at it before.
    is_news: bool,
    /// What is known of it was kept: a core dump takes its time.
    is_kept: bool,
}

/// How soon a domain is looked at again whose core dump is being written.
const DUMP_AGAIN: Duration = Duration::from_millis(200);

impl Control {
    /// Does what the config says; gives the time that is left where a restart waits.
    pub(super) fn reap(self: &Arc<Self>, engine: &Engine, record: &DomainRecord, reason: ShutdownReason) -> Option<Duration> {
        if record.held {
            return None;
        }
        let action = life::wanted(&record.config.on, reason);
        let stopped = self.note(engine, record, reason, action);
        if stopped.is_news {
            self.keep_what_is_known(engine, record, reason, action);
        }
        if !self.is_kept(record) {
            return Some(DUMP_AGAIN);
        }
        let now = engine.world.clock.now();
        let is_held = action.brings_back() && life::is_held(stopped.quick_restarts);
        if action == Action::Preserve {
            return None;
        }
        if action.brings_back() && !is_held && now < stopped.due {
            return Some(stopped.due - now);
        }
        let Some(held) = self.take_in_hand(record) else { return Some(Duration::ZERO) };
        match action {
            _ if is_held => self.leave_stopped(engine, record),
            Action::Preserve => {}
            Action::Destroy | Action::CoredumpDestroy => self.end(engine, record),
            Action::Restart | Action::CoredumpRestart => self.start_again(engine, record, stopped.quick_restarts, None),
            Action::RenameRestart => {
                let keep = self.kept_aside(engine, record);
                self.start_again(engine, record, stopped.quick_restarts, Some(keep));
            }
            Action::SoftReset => self.soft_reset(engine, record, stopped.quick_restarts),
        }
        self.lock_stopped().remove(&record.uuid);
        drop(held);
        None
    }

    /// Nothing where an operation had the domain in hand that made it another one than was looked at.
    pub(super) fn take_in_hand(&self, record: &DomainRecord) -> Option<Held<'_>> {
        let held = self.registry.hold(record.uuid);
        let own = self.registry.own(record.uuid);
        if own.as_deref() == Some(record) {
            return Some(held);
        }
        if own.is_none_or(|own| own.domid != record.domid) {
            self.forget_stopped(record.uuid);
        }
        None
    }

    /// The first look at a stopped domain decides when its turn comes.
    fn note(&self, engine: &Engine, record: &DomainRecord, reason: ShutdownReason, action: Action) -> Stopped {
        let mut all = self.lock_stopped();
        if let Some(known) = all.get(&record.uuid).filter(|known| known.domid == record.domid) {
            return Stopped { is_news: false, ..*known };
        }
        let clock = &engine.world.clock;
        let quick_restarts = life::quick_restarts(record.quick_restarts, record.age(clock.since_epoch()));
        let wait = life::wait_before(quick_restarts);
        let stopped = Stopped { domid: record.domid, due: clock.now() + wait, quick_restarts, is_news: true, is_kept: false };
        all.insert(record.uuid, stopped);
        let name = &record.config.name;
        let detail = format!("d{} {name}: stopped, {}", record.domid, life::word(reason));
        let told = Draft::new(EventKind::DomainStopped, detail).domain(name, Some(record.domid), record.uuid);
        self.tell(vec![told.reason(life::word(reason))]);
        match action {
            _ if action.brings_back() && !wait.is_zero() => {
                tracing::warn!("domain {name}: {reason:?} soon after its start, {quick_restarts} times in a row; it restarts in {wait:?}");
            }
            _ => tracing::info!("domain {name}: {reason:?}, {action:?}"),
        }
        stopped
    }

    /// Before anything is done with it: a core dump where its config wants one, a report where it crashed. A dump has a thread of its own: nobody
    /// else's domain waits for it.
    fn keep_what_is_known(self: &Arc<Self>, engine: &Engine, record: &DomainRecord, reason: ShutdownReason, action: Action) {
        if !action.dumps() {
            return self.keep(engine, record, reason, None);
        }
        let (control, of) = (Arc::clone(self), record.clone());
        let dump = move || {
            if let Mode::Full(engine) = &control.mode {
                let core = control.dump_stopped(engine, &of);
                control.keep(engine, &of, reason, core);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("dump".to_owned()).spawn(dump) {
            tracing::error!("d{} {}: no core dump: {error}", record.domid, record.config.name);
            self.keep(engine, record, reason, None);
        }
    }

    fn keep(&self, engine: &Engine, record: &DomainRecord, reason: ShutdownReason, core: Option<String>) {
        if matches!(reason, ShutdownReason::Crash | ShutdownReason::Watchdog) {
            self.report_crash(engine, record, reason, core);
        }
        if let Some(stopped) = self.lock_stopped().get_mut(&record.uuid).filter(|stopped| stopped.domid == record.domid) {
            stopped.is_kept = true;
        }
    }

    /// Whether all is kept; nobody waits for one that is not looked after any more.
    fn is_kept(&self, record: &DomainRecord) -> bool {
        self.lock_stopped().get(&record.uuid).is_none_or(|stopped| stopped.is_kept)
    }

    /// It restarted too often: from now on somebody else must say what becomes of it.
    fn leave_stopped(&self, engine: &Engine, record: &DomainRecord) {
        let held = DomainRecord { held: true, ..record.clone() };
        // Not written down, it is held all the same until control starts again.
        if let Err(error) = engine.world.records.save(&held) {
            tracing::warn!("domain {}: its record: {error}", record.config.name);
        }
        let (name, domid, count) = (&record.config.name, record.domid, life::QUICK_RESTARTS_MAX);
        let detail = format!(
            "d{domid} {name}: restarted {count} times in a row soon after its start; it is left stopped until `xenith restart {name}`"
        );
        tracing::warn!("{detail}");
        self.tell(vec![Draft::new(EventKind::DomainHeld, detail).domain(name, Some(domid), record.uuid).caller(OURSELVES)]);
        self.registry.settle(held);
    }

    fn end(&self, engine: &Engine, record: &DomainRecord) {
        self.settle_console(DomId(record.domid));
        match engine.destroy((self.fresh_ids)(), record.uuid, DomId(record.domid), &record.config.name) {
            Ok(()) => {
                self.registry.forget(record.uuid);
                self.forget_other(DomId(record.domid), record.uuid);
                self.tell(vec![destroyed(&record.config.name, record.domid, record.uuid).caller(OURSELVES)]);
            }
            Err(problem) => tracing::warn!("{problem}; it is tried again"),
        }
    }

    /// The stopped domain goes, or is somebody else from then on.
    fn start_again(&self, engine: &Engine, record: &DomainRecord, quick_restarts: u32, keep: Option<RenameEntry>) {
        let DomainRecord { uuid, domid, ref config, .. } = *record;
        let ids = RestartIds { restart: (self.fresh_ids)(), destroy: (self.fresh_ids)(), create: (self.fresh_ids)() };
        let entry = RestartEntry { uuid, domid, quick_restarts, config: self.next_config(record), keep };
        self.settle_console(DomId(domid));
        let away = || match &entry.keep {
            Some(keep) => self.renamed(keep, Some(OURSELVES)),
            None => {
                self.registry.forget(uuid);
                self.forget_other(DomId(domid), uuid);
                self.tell(vec![destroyed(&config.name, domid, uuid).caller(OURSELVES)]);
            }
        };
        match engine.restart(ids, &entry) {
            Ok(again) => {
                away();
                self.tell(vec![created(&again.record).caller(OURSELVES)]);
                self.registry.settle(again.record);
            }
            Err(failed) if failed.leftovers => tracing::warn!("{}; it is tried again", failed.problem),
            Err(failed) => {
                tracing::error!("{}; it is not restarted", failed.problem);
                away();
            }
        }
    }

    /// It goes on where it stopped, on a machine that was reset.
    fn soft_reset(&self, engine: &Engine, record: &DomainRecord, quick_restarts: u32) {
        let DomainRecord { uuid, domid, ref config, .. } = *record;
        self.settle_console(DomId(domid));
        let started_ms = u64::try_from(engine.world.clock.since_epoch().as_millis()).unwrap_or(u64::MAX);
        let entry = SoftResetEntry { uuid, domid, started_ms, quick_restarts, config: config.clone() };
        match engine.soft_reset((self.fresh_ids)(), &entry) {
            Ok(()) => self.went_on(entry.record()),
            Err(problem) => tracing::warn!("{problem}; it is tried again"),
        }
    }

    /// A domain was reset in place.
    pub(super) fn went_on(&self, record: DomainRecord) {
        let (name, domid) = (&record.config.name, record.domid);
        let detail = format!("d{domid} {name}: reset in place");
        tracing::info!("{detail}");
        self.tell(vec![Draft::new(EventKind::DomainReset, detail).domain(name, Some(domid), record.uuid).caller(OURSELVES)]);
        self.registry.settle(record);
    }

    /// Whatever it was waiting for, it waits no more.
    pub(super) fn forget_stopped(&self, uuid: Uuid) {
        self.lock_stopped().remove(&uuid);
    }

    fn lock_stopped(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<Uuid, Stopped>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
