//! The host as it is now.

use xen_abi::hypercall::sysctl::physinfo::{self, Capabilities};
use xenith_api::latest::{Host, Problem};
use xenith_engine::Engine;
use xenith_engine::fault::Fault;

use super::{Control, Mode};
use crate::mitigations;

/// The most of Xen's log that is told, in bytes. Its ring is 16 KiB to some MiB, as `conring_size=` says.
const LOG_MAX: usize = 16 << 20;

impl Control {
    /// Xen's release, memory, CPUs and capabilities.
    pub fn host(&self) -> Result<Host, Problem> {
        match &self.mode {
            Mode::Full(engine) => {
                let host = full(engine).map_err(|fault| fault.problem("host", None))?;
                Ok(self.with_mitigations(engine, host))
            }
            Mode::Limited(limited) => Ok(limited.host()),
        }
    }

    /// Xen's own log, as far as its ring goes back.
    pub fn host_log(&self) -> Result<Vec<u8>, Problem> {
        let log = self.engine()?.world.xen.console_log(LOG_MAX).map_err(Fault::from);
        log.map_err(|fault| fault.problem("host log", None))
    }

    /// Reads what Xen's log tells of its mitigations while the log still goes back to the boot.
    pub(super) fn keep_mitigations(&self) {
        if let Mode::Full(engine) = &self.mode
            && let Err(why) = self.mitigations(engine)
        {
            tracing::debug!("mitigations: {why}");
        }
    }

    fn with_mitigations(&self, engine: &Engine, host: Host) -> Host {
        match self.mitigations(engine) {
            Ok(mitigations) => Host { mitigations: mitigations.clone(), ..host },
            Err(why) => Host { mitigations_unknown: Some(why), ..host },
        }
    }

    fn mitigations(&self, engine: &Engine) -> Result<&Vec<String>, String> {
        if let Some(known) = self.mitigations.get() {
            return Ok(known);
        }
        let log = engine.world.xen.console_log(LOG_MAX).map_err(|error| format!("Xen's log cannot be read: {error}"))?;
        let lines = mitigations::of_log(&log).map_err(|untold| untold.text().to_owned())?;
        Ok(self.mitigations.get_or_init(|| lines))
    }
}

fn full(engine: &Engine) -> Result<Host, Fault> {
    let facts = &engine.host;
    let now = engine.world.xen.phys_info()?;
    Ok(Host {
        xen_version: facts.version.clone(),
        release: Some(facts.release.to_string()),
        stable_only: None,
        domctl_version: Some(facts.release.domctl),
        sysctl_version: Some(facts.release.sysctl),
        total_memory_kib: facts.total_kib,
        free_memory_kib: now.free_pages * 4,
        claimed_memory_kib: now.outstanding_pages * 4,
        cpus: facts.cpus,
        threads_per_core: now.threads_per_core,
        cores_per_socket: now.cores_per_socket,
        numa_nodes: now.nr_nodes,
        cpu_khz: now.cpu_khz,
        capabilities: capabilities(facts.capabilities),
        mitigations: Vec::new(),
        mitigations_unknown: None,
    })
}

/// The bits of physinfo by name.
const CAPABILITIES: [(&str, u32); 10] = [
    ("hvm", physinfo::CAP_HVM),
    ("pv", physinfo::CAP_PV),
    ("iommu", physinfo::CAP_DIRECTIO),
    ("hap", physinfo::CAP_HAP),
    ("shadow", physinfo::CAP_SHADOW),
    ("iommu-hap-pt-share", physinfo::CAP_IOMMU_HAP_PT_SHARE),
    ("vmtrace", physinfo::CAP_VMTRACE),
    ("vpmu", physinfo::CAP_VPMU),
    ("gnttab-v1", physinfo::CAP_GNTTAB_V1),
    ("gnttab-v2", physinfo::CAP_GNTTAB_V2),
];

fn capabilities(has: Capabilities) -> Vec<String> {
    CAPABILITIES.iter().filter(|(_, bit)| has.0 & bit != 0).map(|(name, _)| (*name).to_owned()).collect()
}
