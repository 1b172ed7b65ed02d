//! What the log says is there: so that a daemon that starts again tells what a kill kept the last one from telling, and nothing twice.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use xenith_api::latest::{Event, EventDomain, EventKind};

use super::Draft;

/// Domains that came and did not go, and operations that began and did not end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    /// The log begins after this number: what came before is not known.
    pub(crate) before: u64,
    /// When the first event that is kept happened, in milliseconds since 1970.
    pub(crate) since_ms: Option<u64>,
    pub(crate) domains: HashMap<Uuid, EventDomain>,
    stopped: HashSet<(Uuid, Option<u16>)>,
    pub(crate) operations: HashMap<Uuid, Event>,
}

impl Standing {
    pub(super) fn begins_at(&mut self, before: u64) {
        self.before = before;
    }

    pub(super) fn note(&mut self, event: &Event) {
        self.since_ms.get_or_insert(event.time_ms);
        match (event.kind, &event.domain, event.operation) {
            (EventKind::DomainCreated | EventKind::DomainAdopted, Some(domain), _) => {
                self.domains.insert(domain.uuid, domain.clone());
            }
            // It may have another uuid from now on.
            (EventKind::DomainRenamed, Some(domain), _) => {
                self.domains.retain(|_, known| known.domid != domain.domid);
                self.domains.insert(domain.uuid, domain.clone());
            }
            (EventKind::DomainDestroyed, Some(domain), _) => {
                self.domains.remove(&domain.uuid);
                self.stopped.retain(|(uuid, _)| *uuid != domain.uuid);
            }
            (EventKind::DomainStopped, Some(domain), _) => {
                self.stopped.insert((domain.uuid, domain.domid));
            }
            (EventKind::OperationStarted, _, Some(id)) => {
                self.operations.insert(id, event.clone());
            }
            (EventKind::OperationEnded, _, Some(id)) => {
                self.operations.remove(&id);
            }
            _ => {}
        }
    }

    /// The same events with what a kill in the middle of a restart kept from being told: the domain that was there under another number is gone.
    pub(super) fn whole(&self, drafts: Vec<Draft>) -> Vec<Draft> {
        let mut told = HashSet::new();
        let mut whole = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let event = &draft.event;
            if let Some(domain) = &event.domain {
                let earlier = self.domains.get(&domain.uuid).filter(|known| known.domid != domain.domid && !told.contains(&known.uuid));
                if let Some(known) = earlier.filter(|_| event.kind == EventKind::DomainCreated) {
                    let gone = Draft::new(EventKind::DomainDestroyed, "gone in a restart that was cut short");
                    whole.push(gone.domain(&known.name, known.domid, known.uuid));
                }
                if event.kind == EventKind::DomainDestroyed {
                    told.insert(domain.uuid);
                }
            }
            whole.push(draft);
        }
        whole
    }

    /// Whether the log says this already.
    pub(super) fn knows(&self, event: &Event) -> bool {
        let Some(domain) = &event.domain else { return false };
        let same = |known: &EventDomain| known.domid == domain.domid;
        match event.kind {
            EventKind::DomainCreated => self.domains.get(&domain.uuid).is_some_and(same),

            EventKind::DomainStopped => self.stopped.contains(&(domain.uuid, domain.domid)),
            _ => false,
        }
    }
}
