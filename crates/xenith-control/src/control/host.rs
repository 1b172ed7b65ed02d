//! The host as it is now.

use xen_abi::hypercall::sysctl::physinfo::Capabilities;
use xenith_api::latest::{Host, Problem};
use xenith_engine::Engine;
use xenith_engine::fault::Fault;

use super::{Control, Mode};

impl Control {
    /// Xen's release, memory, CPUs and capabilities.
    pub fn host(&self) -> Result<Host, Problem> {
        match &self.mode {
            Mode::Full(engine) => full(engine).map_err(|fault| fault.problem("host", None)),
            Mode::Limited(limited) => Ok(limited.host()),
        }
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
