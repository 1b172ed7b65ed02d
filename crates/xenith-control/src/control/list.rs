//! Looking at domains.

use xen_abi::DomId;
use xen_store::client::Request;
use xen_store::path;
use xenith_api::latest::{Domain, Problem};
use xenith_engine::engine::Seen;

use super::{Control, Mode};
use crate::registry::Foreign;

impl Control {
    /// Every domain, by number: one hypercall, and one wait on the store where there are domains that others made. Names that the store does
    /// not tell now are those it told last.
    pub fn list(&self) -> Result<Vec<Domain>, Problem> {
        let engine = match &self.mode {
            Mode::Full(engine) => engine,
            Mode::Limited(limited) => return limited.list(),
        };
        let all = self.all(engine)?;
        self.learn_names(&all);
        Ok(all.iter().map(|seen| self.told(seen)).collect())
    }

    /// One domain, by name, number or uuid.
    pub fn get(&self, id: &str) -> Result<Domain, Problem> {
        match &self.mode {
            Mode::Full(engine) => {
                let seen = self.find(engine, id)?.seen;
                let _ = self.foreign_config(&seen, true);
                Ok(self.told(&seen))
            }
            Mode::Limited(limited) => limited.get(id),
        }
    }

    pub(super) fn told(&self, seen: &Seen) -> Domain {
        let told = seen.told(Some(self.name_of(seen)), self.registry.own(seen.uuid()).as_deref());
        Domain { config: told.config.or_else(|| self.foreign_config(seen, false)), ..told }
    }

    /// Reads the names of the domains that others made, in one go; that of dom0 is what it is.
    pub(super) fn learn_names(&self, all: &[Seen]) {
        let mut named: Vec<Foreign> = all.iter().filter(|seen| seen.domid() == DomId::DOM0).map(|seen| foreign(seen, DOM0_NAME)).collect();
        let others: Vec<&Seen> = all.iter().filter(|seen| seen.domid() != DomId::DOM0 && !self.registry.is_ours(seen.uuid())).collect();
        if others.is_empty() {
            return self.registry.set_foreign(named);
        }
        let requests: Vec<Request> = others.iter().map(|seen| Request::read(&path::domain(seen.domid()).name())).collect();
        let names = match self.stores.with(|store| store.pipeline(&requests)) {
            Ok(names) => names,
            Err(fault) => return tracing::warn!("names of domains: {fault}"),
        };
        named.extend(others.iter().zip(names).filter_map(|(seen, name)| Some(foreign(seen, &name.ok()?))));
        self.registry.set_foreign(named);
    }
}

/// What dom0 is called (xen-init-dom0 writes it, and `xenith store`).
const DOM0_NAME: &[u8] = b"Domain-0";

fn foreign(seen: &Seen, name: &[u8]) -> Foreign {
    Foreign { domid: seen.domid().0, uuid: seen.uuid(), name: String::from_utf8_lossy(name).into_owned() }
}
