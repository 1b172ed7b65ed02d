//! A restart that somebody asks for, whatever the domain does.

use xenith_api::latest::Problem;
use xenith_engine::engine::RestartIds;
use xenith_engine::journal::RestartEntry;

use super::Control;
use super::create::{created, destroyed};
use super::lifecycle::guest;
use crate::operations::Op;
use crate::problem;

impl Control {
    /// Destroys a domain of ours and creates it again, from its stored config where it has one. Restarts are counted anew.
    pub fn restart(&self, id: &str, op: &Op) -> Result<(), Problem> {
        let engine = self.engine()?;
        let found = guest(self.find(engine, id)?)?;
        let held = self.registry.hold(found.uuid());
        let found = guest(self.find_again(engine, &found)?)?;
        let Some(record) = self.registry.own(found.uuid()) else {
            let advice = format!("run `xenith adopt {}` first", found.name);
            return Err(problem::state(&found.name, "another toolstack made it, so that what it is made from is not known", &advice));
        };
        let (name, domid, uuid) = (&record.config.name, record.domid, record.uuid);
        // An earlier daemon did it, or began it, which the next one finishes before it serves: the number is another one since.
        if op.again && op.of.is_some_and(|of| of.uuid == uuid && of.domid != Some(domid)) {
            return Ok(());
        }
        self.tell(vec![op.started().domain(name, Some(domid), uuid)]);
        self.settle_console(found.domid());
        let ids = RestartIds { restart: op.id, destroy: (self.fresh_ids)(), create: (self.fresh_ids)() };
        let again = engine.restart(ids, &RestartEntry { uuid, domid, quick_restarts: 0, config: self.next_config(&record), keep: None });
        self.forget_stopped(uuid);
        let gone = destroyed(name, domid, uuid).operation(op.id).caller(&op.caller);
        match again {
            Ok(again) => {
                self.forget_other(found.domid(), uuid);
                self.tell(vec![gone, created(&again.record).operation(op.id).caller(&op.caller), op.ended(None)]);
                self.registry.settle(again.record);
                drop(held);
                self.changed();
                Ok(())
            }
            Err(failed) => {
                let ended = op.ended(Some(&failed.problem));
                match failed.leftovers {
                    true => self.tell(vec![ended]),
                    false => {
                        self.registry.forget(uuid);
                        self.tell(vec![gone, ended]);
                    }
                }
                Err(*failed.problem)
            }
        }
    }
}
