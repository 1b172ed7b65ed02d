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
            Mode::Full(engine) => Ok(self.told(&self.find(engine, id)?.seen)),
            Mode::Limited(limited) => limited.get(id),
        }
    }

    pub(super) fn told(&self, seen: &Seen) -> Domain {
        seen.told(Some(self.name_of(seen)), self.registry.own(seen.uuid()))
    }

    /// Reads the names of the domains that others made, dom0's among them, in one go.
    pub(super) fn learn_names(&self, all: &[Seen]) {
        let others: Vec<&Seen> = all.iter().filter(|seen| !self.registry.is_ours(seen.uuid())).collect();
        let requests: Vec<Request> = others.iter().map(|seen| Request::read(&path::domain(seen.domid()).name())).collect();
        let names = match self.stores.with(|store| store.pipeline(&requests)) {
            Ok(names) => names,
            Err(fault) => return tracing::warn!("names of domains: {fault}"),
        };
        let named = others.iter().zip(names).filter_map(|(seen, name)| Some(foreign(seen, &name.ok()?)));
        let mut foreign: Vec<Foreign> = named.collect();
        if !foreign.iter().any(|one| one.domid == DomId::DOM0.0) {
            foreign.extend(others.iter().find(|seen| seen.domid() == DomId::DOM0).map(|seen| self::foreign(seen, DOM0_NAME)));
        }
        self.registry.set_foreign(foreign);
    }
}

/// What dom0 is called where the store does not say.
const DOM0_NAME: &[u8] = b"Domain-0";

fn foreign(seen: &Seen, name: &[u8]) -> Foreign {
    Foreign { domid: seen.domid().0, uuid: seen.uuid(), name: String::from_utf8_lossy(name).into_owned() }
}
