//! The doctor over this core.

use std::time::Duration;

use xenith_api::latest::{Diagnosis, FindingKind, Problem};
use xenith_engine::Engine;

use super::Control;
use crate::doctor::{Facts, Found, holders, judge, look};

/// What is under way passes within this time.
const MOMENT: Duration = Duration::from_secs(1);

impl Control {
    /// What was left behind.
    pub fn doctor(&self) -> Result<Diagnosis, Problem> {
        Ok(told(self.findings(self.engine()?)?))
    }

    /// Cleans up what can be cleaned up, and tells all that was found.
    pub fn clean(&self, caller: &str) -> Result<Diagnosis, Problem> {
        let engine = self.engine()?;
        let mut all = self.findings(engine)?;
        for found in &mut all {
            match self.remedy(engine, found) {
                Ok(cleaned) => found.told.cleaned = cleaned,
                Err(problem) => tracing::warn!("doctor: {problem}"),
            }
            if found.told.cleaned {
                tracing::info!("doctor: {}: cleaned up for {caller}", found.told.detail);
            }
        }
        self.changed();
        // An operation that cannot be finished yet is still there.
        let left = self.look_once(engine)?;
        all.iter_mut().filter(|found| left.iter().any(|one| one.is(found))).for_each(|found| found.told.cleaned = false);
        Ok(told(all))
    }

    /// What is there now and a moment later.
    fn findings(&self, engine: &Engine) -> Result<Vec<Found>, Problem> {
        let first = self.look_once(engine)?;
        if first.is_empty() {
            return Ok(first);
        }
        self.clock.sleep(MOMENT);
        let mut all = self.look_once(engine)?;
        all.retain(|found| first.iter().any(|one| one.is(found)));
        for found in all.iter_mut().filter(|found| found.told.kind == FindingKind::DyingDomain) {
            found.told.holders = holders(&self.proc_dir);
        }
        Ok(all)
    }

    fn look_once(&self, engine: &Engine) -> Result<Vec<Found>, Problem> {
        let facts = look(engine, &self.stores)?;
        let in_hand = self.registry.in_hand();
        let own = self.registry.all_own().iter().map(|record| record.uuid).collect();
        Ok(judge(&Facts { in_hand, own, ..facts }))
    }
}

fn told(all: Vec<Found>) -> Diagnosis {
    let findings: Vec<_> = all.into_iter().map(|found| found.told).collect();
    Diagnosis { clean: findings.iter().all(|finding| finding.cleaned), findings }
}
