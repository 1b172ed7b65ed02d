//! Finishing what an earlier daemon, or an earlier try, left.
//!
//! ```text
//!   create    nothing begun, or not whole yet, or its way back had begun --> unwind
//!             whole                                                      --> resume; unwind where that fails
//!   destroy                                                              --> go on
//!   rename    its way back had begun --> unwind;  otherwise              --> go on
//!   resize    its way back had begun --> unwind;  otherwise              --> go on
//!   dump                                                                 --> unwind
//!   soft reset                                                           --> go on
//!   restart   after those: the domain runs --> over;  otherwise --> destroy or rename, and create again
//! ```

use std::time::Duration;

use uuid::Uuid;
use xen_abi::DomId;

use super::restart::RestartIds;
use super::{Engine, failed};
use crate::domain;
use crate::fault::Fault;
use crate::journal::{CreateEntry, DestroyEntry, DumpEntry, Operation, RenameEntry, ResizeEntry, RestartEntry, SoftResetEntry, Unfinished};
use crate::plan::{self, Plan};
use crate::record::DomainRecord;
use crate::run::{self, Cause};
use crate::step::{CreateDomain, Earlier, Step};

/// What became of an operation that was left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovered {
    /// A create was finished.
    Created(DomainRecord),
    /// A create was taken back: nothing of the domain is left.
    Unwound(Uuid),
    /// A destroy was finished.
    Destroyed(Uuid),
    /// A rename was finished.
    Renamed(RenameEntry),
    /// A resize was finished.
    Resized(ResizeEntry),
    /// A soft reset was finished.
    Reset(DomainRecord),
    /// Nothing was left to do.
    Over(Uuid),
    /// It cannot be finished yet.
    Later(Uuid),
}

impl Engine {
    /// Deals with every operation that is not over and that nobody works on. `fresh` gives unique ids.
    pub fn recover(&self, fresh: &mut dyn FnMut() -> Uuid) -> std::io::Result<Vec<Recovered>> {
        let (unfinished, unreadable) = self.journal.unfinished()?;
        for path in unreadable {
            tracing::error!("journal {}: not readable; see what it says and remove it", path.display());
        }
        let is_restart = |one: &Unfinished| matches!(one.operation, Operation::Restart(_));
        let (restarts, others): (Vec<_>, Vec<_>) = unfinished.into_iter().partition(is_restart);
        let mut all: Vec<Recovered> = others.into_iter().flat_map(|one| self.recover_one(one, fresh)).collect();
        all.extend(restarts.into_iter().flat_map(|one| self.recover_one(one, fresh)));
        Ok(all)
    }

    fn recover_one(&self, one: Unfinished, fresh: &mut dyn FnMut() -> Uuid) -> Vec<Recovered> {
        match one.operation.clone() {
            Operation::Create(entry) => vec![self.recover_create(&entry, one)],
            Operation::Destroy(entry) => vec![self.recover_destroy(&entry, one)],
            Operation::Dump(entry) => vec![self.recover_dump(&entry, one)],
            Operation::Rename(entry) => vec![self.recover_rename(entry, one)],
            Operation::Resize(entry) => vec![self.recover_resize(entry, one)],
            Operation::SoftReset(entry) => vec![self.recover_soft_reset(&entry, one)],
            Operation::Restart(entry) => self.recover_restart(&entry, one, fresh),
        }
    }

    fn recover_create(&self, entry: &CreateEntry, one: Unfinished) -> Recovered {
        let plan = rest_of(entry);
        let run = self.run(&plan.steps, &self.world, true);
        let subject = format!("domain {}", entry.config.name);
        let whole = one.reached.is_some_and(|reached| reached >= plan.whole_from);
        let outcome = if whole && !one.undoing { run::resume(&run, one) } else { Err(run::unwind(&run, one)) };
        match outcome {
            Ok(finished) => {
                tracing::info!("{subject}: its create was left half done and is finished");
                Recovered::Created(entry.record(finished.progress.domid.unwrap_or(DomId::INVALID.0)))
            }
            Err(failure) => {
                match &failure.cause {
                    Cause::Unwound => tracing::info!("{subject}: its create was left half done and is taken back"),
                    _ => tracing::warn!("{}", failed(&subject, &failure)),
                }
                if failure.page_stays { Recovered::Later(entry.uuid) } else { Recovered::Unwound(entry.uuid) }
            }
        }
    }

    fn recover_destroy(&self, entry: &DestroyEntry, one: Unfinished) -> Recovered {
        let plan = plan::destroy(entry.uuid, DomId(entry.domid));
        match run::resume(&self.run(&plan.steps, &self.world, false), one) {
            Ok(_) => Recovered::Destroyed(entry.uuid),
            Err(failure) => {
                tracing::warn!("{}; it is tried again", failed(&format!("domain {}", entry.name), &failure));
                Recovered::Later(entry.uuid)
            }
        }
    }

    fn recover_dump(&self, entry: &DumpEntry, one: Unfinished) -> Recovered {
        let plan = plan::dump(entry);
        let failure = run::unwind(&self.run(&plan.steps, &self.world, true), one);
        match failure.page_stays {
            true => Recovered::Later(entry.uuid),
            false => Recovered::Over(entry.uuid),
        }
    }

    fn recover_rename(&self, entry: RenameEntry, one: Unfinished) -> Recovered {
        let plan = plan::rename(&entry);
        let run = self.run(&plan.steps, &self.world, true);
        let outcome = if one.undoing { Err(run::unwind(&run, one)) } else { run::resume(&run, one) };
        match outcome {
            Ok(_) => Recovered::Renamed(entry),
            Err(failure) if failure.page_stays => {
                tracing::warn!("{}; it is tried again", failed(&format!("domain {}", entry.from.name), &failure));
                Recovered::Later(entry.from.uuid)
            }
            Err(_) => Recovered::Over(entry.from.uuid),
        }
    }

    fn recover_resize(&self, entry: ResizeEntry, one: Unfinished) -> Recovered {
        // A domain that is gone meanwhile, or has another number, was made anew: it has its config's size.
        if matches!(domain::find(&self.world, entry.uuid, Some(DomId(entry.domid))), Ok(None)) {
            let _ = one.page.close();
            return Recovered::Over(entry.uuid);
        }
        let plan = plan::resize(&entry);
        let run = self.run(&plan.steps, &self.world, true);
        let outcome = if one.undoing { Err(run::unwind(&run, one)) } else { run::resume(&run, one) };
        match outcome {
            Ok(_) => Recovered::Resized(entry),
            Err(failure) if failure.page_stays => {
                tracing::warn!("{}; it is tried again", failed(&format!("domain {}", entry.name), &failure));
                Recovered::Later(entry.uuid)
            }
            Err(_) => Recovered::Over(entry.uuid),
        }
    }

    fn recover_soft_reset(&self, entry: &SoftResetEntry, one: Unfinished) -> Recovered {
        // A domain that is gone meanwhile needs nothing.
        if matches!(domain::find(&self.world, entry.uuid, Some(DomId(entry.domid))), Ok(None)) {
            let _ = one.page.close();
            return Recovered::Over(entry.uuid);
        }
        let plan = plan::soft_reset(entry);
        match run::resume(&self.run(&plan.steps, &self.world, false), one) {
            Ok(_) => Recovered::Reset(entry.record()),
            Err(failure) => {
                tracing::warn!("{}; it is tried again", failed(&format!("domain {}", entry.config.name), &failure));
                Recovered::Later(entry.uuid)
            }
        }
    }

    fn recover_restart(&self, entry: &RestartEntry, one: Unfinished, fresh: &mut dyn FnMut() -> Uuid) -> Vec<Recovered> {
        let recovered = match self.runs(entry.uuid) {
            Ok(true) => vec![Recovered::Over(entry.uuid)],
            Ok(false) => {
                let ids = RestartIds { restart: fresh(), destroy: fresh(), create: fresh() };
                let kept = entry.keep.clone().map(Recovered::Renamed);
                match self.put_away_and_create(ids, entry) {
                    Ok(created) => kept.into_iter().chain([Recovered::Created(created.record)]).collect(),
                    Err(failed) if failed.leftovers => return vec![Recovered::Later(entry.uuid)],
                    Err(failed) => {
                        tracing::error!("{}; it is not restarted", failed.problem);
                        vec![kept.unwrap_or(Recovered::Destroyed(entry.uuid))]
                    }
                }
            }
            Err(fault) => {
                tracing::warn!("domain {}: its restart waits: {fault}", entry.config.name);
                return vec![Recovered::Later(entry.uuid)];
            }
        };
        let _ = one.page.close();
        recovered
    }

    /// Whether the domain is there and did not stop.
    fn runs(&self, uuid: Uuid) -> Result<bool, Fault> {
        let found = domain::find(&self.world, uuid, None)?;
        Ok(found.is_some_and(|info| info.shutdown.is_none() && !info.dying))
    }
}

/// What can still be done, or undone, of a create whose daemon is gone.
fn rest_of(entry: &CreateEntry) -> Plan {
    let first = CreateDomain::find_again(entry.uuid, entry.config.vcpus);
    let mut steps: Vec<Step> = vec![first.into()];
    steps.resize(entry.whole_from, Earlier.into());
    let created = Duration::from_millis(entry.created_ms);
    steps.extend(plan::tail(&entry.config, entry.uuid, created, entry.paused, entry.quick_restarts));
    Plan { steps, whole_from: entry.whole_from }
}
