//! Creating a domain: name and uuid are taken first, so that of two creates at once one is refused before it costs anything.

use xenith_api::latest::{CreateRequest, CreateResponse, Domain, DomainState, Problem};
use xenith_engine::check;
use xenith_engine::engine::{CreateOrder, Created, NotCreated};

use super::Control;

impl Control {
    /// Creates a domain, or tells how.
    pub fn create(&self, request: CreateRequest) -> Result<CreateResponse, Problem> {
        let engine = self.engine()?;
        let CreateRequest { config, paused, dry_run } = request;
        if let Some(problem) = check::problem(&config.name, check::complaints(&config)) {
            return Err(problem);
        }
        let uuid = config.uuid.unwrap_or_else(|| (self.fresh_ids)());
        let order = CreateOrder { config, uuid, operation: (self.fresh_ids)(), paused, quick_restarts: 0 };
        if dry_run {
            let plan = engine.plan_create(&order)?;
            self.registry.is_free(&order.config.name, uuid)?;
            return Ok(CreateResponse { domain: None, plan, cost: None });
        }
        self.registry.reserve(&order.config.name, uuid)?;
        let held = self.registry.hold(uuid);
        let created = engine.create(&order);
        let created = self.settle(uuid, created)?;
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
        config: Some(config),
    }
}
