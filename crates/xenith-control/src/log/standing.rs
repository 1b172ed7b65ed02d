//! What the log says is there: so that a daemon that starts again tells what a kill kept the last one from telling, and nothing twice.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use xenith_api::latest::{Event, EventDomain, EventKind};

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
            (EventKind::DomainCreated | EventKind::DomainAdopted | EventKind::DomainRenamed, Some(domain), _) => {
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
