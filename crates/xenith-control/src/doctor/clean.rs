//! The remedies.

use xen_abi::DomId;
use xen_store::client::Request;
use xen_store::path::StorePath;
use xenith_api::latest::Problem;
use xenith_engine::Engine;
use xenith_engine::store::Stores;

use super::{Found, Remedy};
use crate::Control;

impl Control {
    /// Cleans one finding up, where that is possible; whether it was.
    pub(crate) fn remedy(&self, engine: &Engine, found: &Found) -> Result<bool, Problem> {
        let subject = found.told.subject.as_str();
        let done = match &found.remedy {
            Remedy::None => return Ok(false),
            Remedy::Destroy(domid) => return self.destroy_half_made(engine, *domid).map(|()| true),
            Remedy::Remove(domid, paths) => return self.remove(engine, self.stores(), *domid, paths, subject),
            Remedy::Unclaim(domid) => engine.world.xen.claim_pages(*domid, 0),
            Remedy::Recover => {
                self.recover(engine);
                Ok(())
            }
        };
        done.map(|()| true).map_err(|error| xenith_engine::fault::Fault::from(error).problem(subject, None))
    }

    fn destroy_half_made(&self, engine: &Engine, domid: DomId) -> Result<(), Problem> {
        let subject = domid.to_string();
        let Some(seen) = engine.look(domid).map_err(|fault| fault.problem(&subject, None))? else { return Ok(()) };
        // Whoever made it may have gone on.
        if seen.info.cpu_time_ns > 0 || !seen.info.paused {
            return Err(crate::problem::state(&subject, "it runs by now", "look again with `xenith doctor`"));
        }
        engine.destroy(self.fresh_id(), seen.uuid(), domid, &subject)
    }

    /// The domain is looked for in the same transaction: nodes of one that came meanwhile stay.
    fn remove(&self, engine: &Engine, stores: &Stores, domid: Option<DomId>, paths: &[StorePath], subject: &str) -> Result<bool, Problem> {
        let requests: Vec<Request> = paths.iter().map(Request::rm).collect();
        let mut came = false;
        let removed = stores.with(|store| {
            store.transaction(|tx| {
                // Xen that does not answer says nothing of who is there: then nothing is removed.
                came = domid.is_some_and(|domid| engine.look(domid).map_or(true, |seen| seen.is_some()));
                if came { Ok(()) } else { tx.pipeline(&requests).map(drop) }
            })
        });
        removed.map(|()| !came).map_err(|fault| fault.problem(subject, None))
    }
}
