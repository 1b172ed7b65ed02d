//! Memory and vcpus of a domain that runs.

use xenith_api::latest::{Domain, DomainState, EventKind, Problem, ResizeRequest};
use xenith_engine::journal::ResizeEntry;
use xenith_engine::plan::Wanted;

use super::Control;
use super::lifecycle::{guest, word};
use crate::log::Draft;
use crate::problem;

impl Control {
    /// Asks a domain, ours or another toolstack's, to have other memory and vcpus, and gives it as it is now: it follows in its own time. What it
    /// was created from stays what it is, and counts at its next start.
    pub fn resize(&self, id: &str, request: &ResizeRequest, caller: &str) -> Result<Domain, Problem> {
        let engine = self.engine()?;
        let found = guest(self.find(engine, id)?)?;
        let held = self.registry.hold(found.uuid());
        let found = guest(self.find_again(engine, &found)?)?;
        match found.seen.state() {
            DomainState::Running | DomainState::Blocked | DomainState::Paused => {}
            state => {
                let what = format!("it is {}, and only a domain that runs is resized", word(state));
                return Err(problem::state(&found.name, &what, "store its config with that size; it counts when it starts again"));
            }
        }
        let wanted = Wanted { memory_kib: request.memory_kib, vcpus: request.vcpus };
        if let Some(entry) = engine.resize((self.fresh_ids)(), &found.seen, &found.name, &wanted)? {
            self.resized(&entry, Some(caller));
        }
        drop(held);
        self.changed();
        // One that went away just now was resized all the same.
        let now = self.find_again(engine, &found).unwrap_or(found);
        Ok(self.told(&now.seen))
    }

    /// A domain was told to have another size: the log learns of it.
    pub(super) fn resized(&self, entry: &ResizeEntry, caller: Option<&str>) {
        let ResizeEntry { uuid, domid, name, .. } = entry;
        let detail = format!("d{domid} {name}: {}", entry.changes());
        tracing::info!("{detail}");
        let told = Draft::new(EventKind::DomainChanged, detail).domain(name, Some(*domid), *uuid);
        self.tell(vec![match caller {
            Some(caller) => told.caller(caller),
            None => told,
        }]);
    }
}
