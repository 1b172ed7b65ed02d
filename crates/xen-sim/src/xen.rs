//! The state of the simulated Xen, behind one lock.
//!
//! ```text
//!   Machine (handle) --lock--> Xen { heap, domains, processes, mappings, clock, faults, guests }
//!        impl Xen in:  events.rs  ports and events       memory.rs   pages and claims
//!                      life.rs    birth, shutdown, death  mapping.rs  foreign maps and grants
//!                      call/      what a hypercall's bytes ask
//!                      guest/     what runs inside a domain
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use xen_abi::{DomId, Errno, Release};

use crate::config::MachineConfig;
use crate::domain::{Birth, Domain, Life, Vcpu};
use crate::fault::{Effect, FaultPlan, Step};
use crate::guest::{GuestRun, Scripts, Wire};
use crate::heap::Heap;
use crate::log::Log;
use crate::mapping::Mapping;
use crate::process::{Process, ProcessId};

/// Everything.
pub(crate) struct Xen {
    pub(crate) release: Release,
    pub(crate) config: MachineConfig,
    pub(crate) now_ns: u64,
    pub(crate) heap: Heap,
    pub(crate) domains: BTreeMap<DomId, Domain>,
    /// The last domid given out.
    pub(crate) rover: u16,
    pub(crate) next_unique_id: u64,
    pub(crate) processes: BTreeMap<ProcessId, Process>,
    pub(crate) next_process: ProcessId,
    pub(crate) mappings: BTreeMap<u64, Mapping>,
    pub(crate) next_mapping: u64,
    /// Domains whose state changed since somebody asked (4.21, `get_domain_state`); kept while dom0 has `VIRQ_DOM_EXC` bound.
    pub(crate) changed: Option<BTreeSet<DomId>>,
    pub(crate) guests: BTreeMap<DomId, GuestRun>,
    pub(crate) scripts: Scripts,
    /// Domains whose kernel has something to do.
    pub(crate) awake: BTreeSet<DomId>,
    /// Xen's own console ring.
    pub(crate) console: Log,
    /// The store client in dom0's kernel.
    pub(crate) dom0_store: Option<Wire>,
    plan: FaultPlan,
    steps: Vec<Step>,
    /// How often each name was a step.
    counts: BTreeMap<&'static str, usize>,
    hits: usize,
}

/// Pages in a number of bytes.
pub(crate) fn pages(bytes: u64) -> u64 {
    bytes >> xen_abi::names::PAGE_SHIFT
}

impl Xen {
    /// A host that has just booted, with dom0 alone.
    pub(crate) fn boot(release: Release, config: MachineConfig) -> Xen {
        let total = pages(config.memory_bytes);
        let taken = pages(config.dom0_memory_bytes) + pages(config.xen_memory_bytes);
        let mut xen = Xen {
            release,
            now_ns: 0,
            heap: Heap::new(total, total.saturating_sub(taken), config.extents_1gib, config.extents_2mib),
            domains: BTreeMap::new(),
            rover: 0,
            next_unique_id: 1,
            processes: BTreeMap::new(),
            next_process: 1,
            mappings: BTreeMap::new(),
            next_mapping: 1,
            changed: None,
            guests: BTreeMap::new(),
            scripts: Scripts::default(),
            awake: BTreeSet::new(),
            console: Log::of_boot(release, &config),
            dom0_store: None,
            plan: FaultPlan::none(),
            steps: Vec::new(),
            counts: BTreeMap::new(),
            hits: 0,
            config,
        };
        xen.start_dom0();
        xen
    }

    fn start_dom0(&mut self) {
        let cpus = self.config.cpus;
        let birth = Birth { max_vcpus: cpus, max_evtchn_port: u32::MAX, max_grant_frames: 64, ..Birth::default() };
        let mut dom0 = Domain::new(DomId::DOM0, 0, birth);
        dom0.tot_pages = pages(self.config.dom0_memory_bytes);
        dom0.max_pages = u64::from(u32::MAX);
        dom0.pause_count = 0;
        dom0.creation_finished = true;
        dom0.vcpus = vec![Vcpu::fresh(false); cpus as usize];
        // Whoever asks about dom0 runs on it.
        dom0.vcpus.iter_mut().take(1).for_each(|vcpu| vcpu.blocked = false);
        dom0.p2m.add(crate::dom0::STORE_RING_GFN, 0);
        self.domains.insert(DomId::DOM0, dom0);
        self.start_dom0_kernel();
    }

    /// The domain, dying ones included. `ESRCH` where there is none.
    pub(crate) fn domain(&self, domid: DomId) -> Result<&Domain, Errno> {
        self.domains.get(&domid).ok_or(Errno::ESRCH)
    }

    /// The domain, to be changed.
    pub(crate) fn domain_mut(&mut self, domid: DomId) -> Result<&mut Domain, Errno> {
        self.domains.get_mut(&domid).ok_or(Errno::ESRCH)
    }

    /// The domain, unless it is dying: `EINVAL` then.
    pub(crate) fn living_mut(&mut self, domid: DomId) -> Result<&mut Domain, Errno> {
        let domain = self.domain_mut(domid)?;
        if domain.life == Life::Alive { Ok(domain) } else { Err(Errno::EINVAL) }
    }

    /// The domain that `said` means when `current` says it.
    pub(crate) fn resolve(current: DomId, said: u64) -> DomId {
        let said = DomId(said as u16);
        if said == DomId::SELF { current } else { said }
    }

    /// Whether the release is this one or newer.
    pub(crate) fn since(&self, release: Release) -> bool {
        self.release >= release
    }

    /// Notes a step of a process, and draws its fault.
    pub(crate) fn step(&mut self, process: ProcessId, name: &'static str) -> Option<Effect> {
        let process = self.processes.get(&process).map_or_else(|| Arc::from(""), |process| process.name.clone());
        if !self.plan.concerns(&process) {
            return None;
        }
        let nth = self.counts.entry(name).or_default();
        let effect = self.plan.draw(self.steps.len(), name, *nth);
        *nth += 1;
        self.hits += usize::from(effect.is_some());
        self.steps.push(Step { process, name, failed: effect.is_some() });
        effect
    }

    pub(crate) fn set_faults(&mut self, plan: FaultPlan) {
        self.plan = plan;
        self.steps.clear();
        self.counts.clear();
        self.hits = 0;
    }

    pub(crate) fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub(crate) fn fault_hits(&self) -> usize {
        self.hits
    }

    /// Writes a line to Xen's own console.
    pub(crate) fn log(&mut self, line: &str) {
        self.console.line(line);
    }
}
