//! Creating a domain: name and uuid are taken first, so that of two creates at once one is refused before it costs anything.

use xenith_api::latest::{CreateRequest, CreateResponse, Domain, DomainState, EventKind, Problem};
use xenith_engine::check;
use xenith_engine::engine::{CreateOrder, Created, NotCreated};
use xenith_engine::record::DomainRecord;

use super::Control;
use crate::log::Draft;
use crate::operations::Op;

impl Control {
    /// Creates a domain, or tells how.
    pub fn create(&self, request: CreateRequest, op: &Op) -> Result<CreateResponse, Problem> {
        let engine = self.engine()?;
        // A retry of a create that was done, and whose daemon was killed before it said so.
        let made = op.of.map(|of| of.uuid).filter(|uuid| op.again && self.registry.own(*uuid).is_some());
        if let Some(seen) = made.and_then(|uuid| self.get(&uuid.to_string()).ok()) {
            return Ok(CreateResponse { domain: Some(seen), plan: Vec::new(), cost: None });
        }
        let CreateRequest { config, paused, dry_run } = request;
        if let Some(problem) = check::problem(&config.name, check::complaints(&config)) {
            return Err(problem);
        }
        let uuid = config.uuid.or(op.of.map(|of| of.uuid)).or_else(|| self.stored_uuid(&config.name)).unwrap_or_else(|| (self.fresh_ids)());
        let order = CreateOrder { config, uuid, operation: op.id, paused, quick_restarts: 0 };
        if dry_run {
            let plan = engine.plan_create(&order)?;
            self.registry.is_free(&order.config.name, uuid)?;
            return Ok(CreateResponse { domain: None, plan, cost: None });
        }
        self.registry.reserve(&order.config.name, uuid)?;
        let held = self.registry.hold(uuid);
        self.tell(vec![op.started().domain(&order.config.name, None, uuid)]);
        let made = engine.create_watched(&order, op);
        let made = self.settle(uuid, made);
        let told = match &made {
            Ok(made) => vec![created(&made.record).operation(op.id).caller(&op.caller), op.ended(None)],
            Err(problem) => vec![op.ended(Some(problem))],
        };
        self.tell(told);
        let created = made?;
        drop(held);
        tracing::info!("d{} {}: created", created.record.domid, created.record.config.name);
        let domain = created.seen.as_ref().map_or_else(|| unseen(&created, paused), |seen| self.told(seen));
        Ok(CreateResponse { domain: Some(domain), plan: created.steps, cost: Some(created.cost) })
    }

    /// Keeps what a create gave, or gives name and uuid free, unless something of it is still to be undone.
    pub(super) fn settle(&self, uuid: uuid::Uuid, created: Result<Created, NotCreated>) -> Result<Created, Problem> {
        match created {
            Ok(created) => {
                self.registry.settle(created.record.clone());
                self.changed();
                Ok(created)
            }
            Err(NotCreated { problem, leftovers }) => {
                if !leftovers {
                    self.registry.release(uuid);
                }
                Err(*problem)
            }
        }
    }
}

/// The event of a domain's creation.
pub(super) fn created(record: &DomainRecord) -> Draft {
    let name = &record.config.name;
    Draft::new(EventKind::DomainCreated, format!("d{} {name}: created", record.domid)).domain(name, Some(record.domid), record.uuid)
}

/// The event of a domain's end.
pub(super) fn destroyed(name: &str, domid: u16, uuid: uuid::Uuid) -> Draft {
    Draft::new(EventKind::DomainDestroyed, format!("d{domid} {name}: destroyed")).domain(name, Some(domid), uuid)
}

/// The domain as it was created.
fn unseen(created: &Created, paused: bool) -> Domain {
    let config = created.record.config.clone();
    Domain {
        name: config.name.clone(),
        domid: created.record.domid,
        uuid: created.record.uuid,
        state: if paused { DomainState::Paused } else { DomainState::Running },
        vcpus: config.vcpus,
        memory_kib: config.memory_kib,
        cpu_seconds: 0.0,
        held: false,
        config: Some(config),
    }
}
