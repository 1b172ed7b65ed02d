//! Domains that come and go while daemon and clients are killed, and whether the log of events tells of them without a hole and without a word twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Result, ensure};
use uuid::Uuid;
use xenith_api::client::{Client, Exchange};
use xenith_api::latest::{CreateRequest, Event, EventKind};

/// What the daemon has answered: of which domain, and what happened to it.
pub type Answered = Vec<(Uuid, EventKind)>;

/// Makes one life after the other until it is enough, paused but for a moment, and gives what was answered.
pub fn busy(way: impl Exchange + Send + 'static, request: CreateRequest, enough: Arc<AtomicBool>) -> JoinHandle<Answered> {
    thread::spawn(move || {
        let client = Client::new(way);
        let name = request.config.name.clone();
        let mut answered = Vec::new();
        while !enough.load(Ordering::Relaxed) {
            let Some(domain) = client.create(&request).ok().and_then(|made| made.domain) else {
                // The daemon is away, or one that was not answered is there.
                let _ = client.destroy(&name);
                thread::sleep(Duration::from_millis(2));
                continue;
            };
            answered.push((domain.uuid, EventKind::DomainCreated));
            let id = domain.uuid.to_string();
            for (kind, done) in [
                (EventKind::DomainPaused, client.pause(&id).is_ok()),
                (EventKind::DomainUnpaused, client.unpause(&id).is_ok()),
                (EventKind::DomainDestroyed, client.destroy(&id).is_ok()),
            ] {
                answered.extend(done.then_some((domain.uuid, kind)));
            }
        }
        answered
    })
}

/// Whether an event is about a domain's life.
#[must_use]
pub fn about_a_domain(event: &Event) -> bool {
    event.kind.text().starts_with("domain-")
}

/// Numbers without holes from this one on; what was answered is told; nothing is told twice.
///
/// # Errors
/// What is wrong with it.
pub fn judge(events: &[Event], first: u64, answered: &Answered) -> Result<()> {
    for (event, seq) in events.iter().zip(first..) {
        ensure!(event.seq == seq, "a hole, or a number told twice: {} where {seq} is next", event.seq);
    }
    let told: HashSet<(Uuid, &str)> = events.iter().filter_map(|event| Some((event.domain.as_ref()?.uuid, event.kind.text()))).collect();
    for (uuid, kind) in answered {
        ensure!(told.contains(&(*uuid, kind.text())), "{kind:?} of {uuid} was answered and is not told");
    }
    // Where a domain of a stored config comes again, it has the same uuid: each life is told once.
    let mut lives: HashMap<Uuid, Vec<EventKind>> = HashMap::new();
    for event in events {
        let Some(domain) = &event.domain else { continue };
        let life = lives.entry(domain.uuid).or_default();
        let fits = match event.kind {
            EventKind::DomainCreated => life.is_empty(),
            EventKind::DomainStopped => !life.is_empty() && !life.contains(&event.kind),
            EventKind::DomainDestroyed => !life.is_empty(),
            _ => continue,
        };
        ensure!(fits, "{event:?} after {life:?}");
        life.push(event.kind);
        if event.kind == EventKind::DomainDestroyed {
            life.clear();
        }
    }
    Ok(())
}
