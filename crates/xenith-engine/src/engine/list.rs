//! Looking at domains: one hypercall for up to 256 of them, nothing from the store.

use uuid::Uuid;
use xen_abi::DomId;
use xen_abi::hypercall::domctl::getdomaininfo::DomainInfo;
use xenith_api::latest::{Domain, DomainState};

use super::Engine;
use crate::fault::Fault;
use crate::life;
use crate::record::DomainRecord;

/// A domain as Xen shows it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// All that Xen says.
    pub info: DomainInfo,
}

impl Seen {
    /// Its number.
    #[must_use]
    pub fn domid(&self) -> DomId {
        self.info.domid
    }

    /// Its handle.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        Uuid::from_bytes(self.info.handle)
    }

    /// What it does.
    #[must_use]
    pub fn state(&self) -> DomainState {
        life::state(&self.info)
    }

    /// As the API tells it. A domain that nobody named is called by its number.
    #[must_use]
    pub fn told(&self, name: Option<String>, record: Option<&DomainRecord>) -> Domain {
        let info = &self.info;
        Domain {
            name: name.unwrap_or_else(|| format!("({})", info.domid.0)),
            domid: info.domid.0,
            uuid: self.uuid(),
            state: self.state(),
            vcpus: info.nr_online_vcpus,
            memory_kib: info.tot_pages * 4,
            held: record.is_some_and(|record| record.held),
            cpu_seconds: info.cpu_time_ns as f64 / 1e9,
            config: record.map(|record| record.config.clone()),
        }
    }
}

impl Engine {
    /// Every domain, by number.
    pub fn list(&self) -> Result<Vec<Seen>, Fault> {
        Ok(self.world.xen.domain_list()?.into_iter().map(|info| Seen { info }).collect())
    }

    /// One domain by its number.
    pub fn look(&self, domid: DomId) -> Result<Option<Seen>, Fault> {
        Ok(self.world.xen.domain_info(domid)?.map(|info| Seen { info }))
    }
}
