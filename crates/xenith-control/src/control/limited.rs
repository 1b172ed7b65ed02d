//! A Xen that is not in the table: what the store knows, and what the interface that is stable on every Xen tells. Nothing is guessed.

use uuid::Uuid;
use xen_abi::DomId;
use xen_hv::StableOnly;
use xen_store::client::{ClientError, Request, Requests};
use xen_store::path;
use xenith_api::latest::{Domain, DomainState, Host, Problem};
use xenith_engine::fault::Fault;
use xenith_engine::store::Stores;

use super::Stopping;
use super::lifecycle::{POWEROFF, tell_to_stop};
use crate::problem;

/// What is left to work with.
pub(super) struct Limited {
    pub(super) stable: StableOnly,
    pub(super) stores: Stores,
}

impl Limited {
    pub(super) fn version_text(&self) -> String {
        let version = self.stable.version;
        format!("{}.{}", version.major, version.minor)
    }

    pub(super) fn host(&self) -> Host {
        Host {
            xen_version: self.version_text(),
            release: None,
            stable_only: Some(self.stable.report.clone()),
            domctl_version: self.stable.domctl,
            sysctl_version: self.stable.sysctl,
            total_memory_kib: 0,
            free_memory_kib: 0,
            claimed_memory_kib: 0,
            cpus: 0,
            threads_per_core: 0,
            cores_per_socket: 0,
            numa_nodes: 0,
            cpu_khz: 0,
            capabilities: Vec::new(),
            mitigations: Vec::new(),
            mitigations_unknown: Some(self.stable.report.clone()),
        }
    }

    /// The domains that the store knows. What it does not know is zero, and a domain that it knows is taken to run.
    pub(super) fn list(&self) -> Result<Vec<Domain>, Problem> {
        self.stores
            .with(|store| {
                let numbers = store.directory(&path::domains())?;
                let mut domids: Vec<u16> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
                domids.sort_unstable();
                let requests: Vec<Request> = domids.iter().flat_map(|domid| questions(DomId(*domid))).collect();
                let replies = store.pipeline(&requests)?;
                let answers = replies.chunks(QUESTIONS);
                Ok(domids.iter().zip(answers).map(|(domid, answers)| domain(*domid, answers)).collect())
            })
            .map_err(|fault: Fault| fault.problem("domains", None))
    }

    pub(super) fn get(&self, id: &str) -> Result<Domain, Problem> {
        let same = |domain: &Domain| domain.name == id || domain.domid.to_string() == id || domain.uuid.to_string() == id;
        self.list()?.into_iter().find(same).ok_or_else(|| problem::not_found(id))
    }

    pub(super) fn shutdown(&self, id: &str) -> Result<Stopping, Problem> {
        let domain = self.get(id)?;
        let stopping = Stopping { domid: DomId(domain.domid), uuid: domain.uuid };
        tell_to_stop(&self.stores, stopping, POWEROFF).map_err(|fault| fault.problem(&format!("domain {}", domain.name), None))?;
        Ok(stopping)
    }

    /// The store drops a domain that is gone.
    pub(super) fn has_stopped(&self, stopping: &Stopping) -> Result<bool, Problem> {
        let introduced = self.stores.with(|store: &mut _| -> Result<bool, ClientError> { store.is_domain_introduced(stopping.domid) });
        introduced.map(|there| !there).map_err(|fault| fault.problem(&stopping.domid.to_string(), None))
    }
}

/// How many things are asked of each domain.
const QUESTIONS: usize = 4;

fn questions(domid: DomId) -> [Request; QUESTIONS] {
    let home = path::domain(domid);
    [Request::read(&home.name()), Request::read(&home.vm()), Request::read(&home.memory_target()), Request::directory(&home.cpu())]
}

fn domain(domid: u16, answers: &[xen_store::client::Reply]) -> Domain {
    let text = |index: usize| {
        let bytes = answers.get(index).and_then(|answer| answer.as_ref().ok());
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).filter(|text| !text.is_empty())
    };
    let uuid = text(1).and_then(|vm| Uuid::try_parse(vm.rsplit('/').next()?).ok());
    let vcpus = text(3).map_or(0, |names| names.split_terminator('\0').count());
    Domain {
        name: text(0).unwrap_or_else(|| format!("({domid})")),
        domid,
        uuid: uuid.unwrap_or_default(),
        state: DomainState::Running,
        vcpus: u32::try_from(vcpus).unwrap_or(0),
        memory_kib: text(2).and_then(|kib| kib.parse().ok()).unwrap_or(0),
        cpu_seconds: 0.0,
        held: false,
        config: None,
    }
}
