//! Creating a domain: name and uuid are taken first, so that of two creates at once one is refused before it costs anything.

use xen_abi::DomId;
use xenith_api::latest::{CreateRequest, CreateResponse, Problem};
use xenith_engine::engine::{CreateOrder, Created, NotCreated};

use super::Control;

impl Control {
    /// Creates a domain, or tells how.
    pub fn create(&self, request: CreateRequest) -> Result<CreateResponse, Problem> {
        let engine = self.engine()?;
        let CreateRequest { config, paused, dry_run } = request;
        let uuid = config.uuid.unwrap_or_else(|| (self.fresh_ids)());
        let order = CreateOrder { config, uuid, operation: (self.fresh_ids)(), paused, quick_restarts: 0 };
        if dry_run {
            let plan = engine.plan_create(&order)?;
            self.registry.is_free(&order.config.name, uuid)?;
            return Ok(CreateResponse { domain: None, plan });
        }
        self.registry.reserve(&order.config.name, uuid)?;
        let held = self.registry.hold(uuid);
        let created = engine.create(&order);
        let created = self.settle(uuid, created)?;
        drop(held);
        let seen = engine.look(DomId(created.record.domid)).map_err(|fault| fault.problem("domain", None))?;
        let domain = seen.filter(|seen| seen.uuid() == uuid).map(|seen| self.told(&seen));
        Ok(CreateResponse { domain, plan: created.steps })
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
