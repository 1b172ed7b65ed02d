//! What is written down of a domain that crashed.

use xen_abi::DomId;
use xen_abi::hypercall::sched::ShutdownReason;
use xenith_api::latest::CrashReport;
use xenith_engine::Engine;
use xenith_engine::life;
use xenith_engine::record::DomainRecord;

use super::Control;
use crate::crashes::Crashes;

/// How much of the console's end is kept, in bytes.
const CONSOLE_BYTES: usize = 64 << 10;

impl Control {
    /// The reports that are kept.
    #[must_use]
    pub fn crashes(&self) -> &Crashes {
        &self.crashes
    }

    /// Keeps what is known of a domain of ours that crashed. What cannot be found out is left out.
    pub(super) fn report_crash(&self, engine: &Engine, record: &DomainRecord, reason: ShutdownReason, core: Option<String>) {
        let DomainRecord { uuid, domid, created_ms, ref config, .. } = *record;
        // An earlier daemon was quicker.
        if self.crashes.knows(uuid, domid, created_ms) {
            return;
        }
        let highest_vcpu = engine.look(DomId(domid)).ok().flatten().and_then(|seen| seen.info.max_vcpu_id);
        let vcpus = engine.registers(DomId(domid), highest_vcpu).unwrap_or_else(|fault| {
            tracing::warn!("domain {}: registers: {fault}", config.name);
            Vec::new()
        });
        let report = CrashReport {
            id: (self.fresh_ids)(),
            time_ms: u64::try_from(self.clock.since_epoch().as_millis()).unwrap_or(u64::MAX),
            name: config.name.clone(),
            uuid,
            domid,
            reason: life::word(reason).to_owned(),
            vcpus,
            console: self.last_words(DomId(domid)),
            core,
        };
        match self.crashes.add(&report) {
            Ok(()) => tracing::warn!("d{domid} {}: crash report {}", config.name, report.id),
            Err(error) => tracing::error!("d{domid} {}: its crash report cannot be kept: {error}", config.name),
        }
    }

    fn last_words(&self, domid: DomId) -> String {
        self.settle_console(domid);
        let log = self.console_log(&domid.0.to_string()).unwrap_or_default();
        String::from_utf8_lossy(log.get(log.len().saturating_sub(CONSOLE_BYTES)..).unwrap_or_default()).into_owned()
    }
}
