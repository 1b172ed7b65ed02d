//! The host as it is now.

use xen_abi::hypercall::sysctl::physinfo::Capabilities;
use xenith_api::latest::{Host, Problem};
use xenith_engine::Engine;
use xenith_engine::fault::Fault;

use super::{Control, Mode};

/// The most of Xen's log that is told, in bytes. Its ring is 16 KiB to some MiB, as `conring_size=` says.
const LOG_MAX: usize = 16 << 20;

impl Control {
    /// Xen's release, memory, CPUs and capabilities.
    pub fn host(&self) -> Result<Host, Problem> {
        match &self.mode {
            Mode::Full(engine) => full(engine).map_err(|fault| fault.problem("host", None)),
            Mode::Limited(limited) => Ok(limited.host()),
        }
    }

    /// Xen's own log, as far as its ring goes back.
    pub fn host_log(&self) -> Result<Vec<u8>, Problem> {
        let log = self.engine()?.world.xen.console_log(LOG_MAX).map_err(Fault::from);
        log.map_err(|fault| fault.problem("host log", None))
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
        capabilities: capabilities(facts.capabilities),
    })
}

fn capabilities(has: Capabilities) -> Vec<String> {
    let all = [("hvm", has.hvm()), ("pv", has.pv()), ("iommu", has.directio()), ("hap", has.hap()), ("shadow", has.shadow())];
    all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect()
}
