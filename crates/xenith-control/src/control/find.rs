//! Which domain is meant by a name, a number or a uuid.

use uuid::Uuid;
use xen_abi::DomId;
use xenith_api::latest::Problem;
use xenith_engine::Engine;
use xenith_engine::engine::Seen;

use super::Control;
use crate::problem;

/// A domain that was found.
pub(super) struct Found {
    pub(super) seen: Seen,
    pub(super) name: String,
}

impl Found {
    pub(super) fn uuid(&self) -> Uuid {
        self.seen.uuid()
    }

    pub(super) fn domid(&self) -> DomId {
        self.seen.domid()
    }
}

impl Control {
    /// Digits are a number, a uuid is a uuid, everything else is a name: no name looks like the others.
    pub(super) fn find(&self, engine: &Engine, id: &str) -> Result<Found, Problem> {
        if let Some(found) = self.look_for(engine, id)? {
            return Ok(found);
        }
        // A domain that is being restarted is nobody for a moment: whoever has it in hand puts it down first.
        let uuid = Uuid::try_parse(id).ok().or_else(|| self.registry.own_named(id)).filter(|uuid| self.registry.own(*uuid).is_some());
        drop(uuid.map(|uuid| self.registry.hold(uuid)));
        self.look_for(engine, id)?.ok_or_else(|| problem::not_found(id))
    }

    fn look_for(&self, engine: &Engine, id: &str) -> Result<Option<Found>, Problem> {
        let digits = id.bytes().all(|byte| byte.is_ascii_digit());
        let seen = if let Some(domid) = id.parse().ok().filter(|_| digits) {
            self.by_number(engine, DomId(domid))?
        } else if let Ok(uuid) = Uuid::try_parse(id) {
            self.by_uuid(engine, uuid)?
        } else {
            self.by_name(engine, id)?
        };
        Ok(seen.map(|seen| Found { name: self.name_of(&seen), seen }))
    }

    /// The same domain once more, whatever number it has by now.
    pub(super) fn find_again(&self, engine: &Engine, found: &Found) -> Result<Found, Problem> {
        let seen = self.by_number(engine, found.domid())?.filter(|seen| seen.uuid() == found.uuid());
        let seen = if seen.is_some() { seen } else { self.by_uuid(engine, found.uuid())? };
        let seen = seen.ok_or_else(|| problem::not_found(&found.name))?;
        Ok(Found { seen, name: found.name.clone() })
    }

    fn by_number(&self, engine: &Engine, domid: DomId) -> Result<Option<Seen>, Problem> {
        engine.look(domid).map_err(|fault| fault.problem(&domid.to_string(), None))
    }

    fn by_uuid(&self, engine: &Engine, uuid: Uuid) -> Result<Option<Seen>, Problem> {
        if let Some(record) = self.registry.own(uuid) {
            let seen = self.by_number(engine, DomId(record.domid))?;
            return Ok(seen.filter(|seen| seen.uuid() == uuid));
        }
        Ok(self.all(engine)?.into_iter().find(|seen| seen.uuid() == uuid))
    }

    fn by_name(&self, engine: &Engine, name: &str) -> Result<Option<Seen>, Problem> {
        if let Some(uuid) = self.registry.own_named(name) {
            return self.by_uuid(engine, uuid);
        }
        let all = self.all(engine)?;
        self.learn_names(&all);
        Ok(all.into_iter().find(|seen| self.name_of(seen) == name))
    }

    pub(super) fn all(&self, engine: &Engine) -> Result<Vec<Seen>, Problem> {
        engine.list().map_err(|fault| fault.problem("domains", None))
    }

    /// The name that a domain is called by.
    pub(super) fn name_of(&self, seen: &Seen) -> String {
        let domid = seen.domid();
        self.registry.name(seen.uuid(), domid.0).unwrap_or_else(|| format!("({})", domid.0))
    }
}
