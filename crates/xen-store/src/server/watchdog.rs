//! Slow and abusive domains are named in the log; what they leave unread for too long is dropped.
//!
//! ```text
//!   event queued for a domain --- not read for 20 s ---> dropped, as in C xenstored (`watch-event` timeout)
//!   over the soft quota of memory, over the hard one, below both again ---> a line each
//!   a lease that ran out, a flood of requests                           ---> a line
//! ```
//!
//! At most one line per domain in ten seconds, and twenty for all of them.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use xen_abi::DomId;

use super::{ConnId, ConnKind, Effect, Server};
use crate::quota::Quota;

/// How long an event waits to be read by a domain.
pub const UNREAD: Duration = Duration::from_secs(20);
/// Time in which lines and requests are counted.
const WINDOW: Duration = Duration::from_secs(10);
/// Lines for all domains in that time.
const LINES: usize = 20;
/// Requests of one domain in that time that are worth a line: ten thousand a second.
const FLOOD: u64 = 100_000;

/// Which side of its quota of memory a domain was last seen on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    #[default]
    Below,
    OverSoft,
    OverHard,
}

#[derive(Debug, Default)]
pub(super) struct Watchdog {
    /// When to look whether a client has old events.
    expiries: BTreeSet<(Duration, ConnId)>,
    window: Duration,
    lines: usize,
    /// When a domain was last named.
    named: HashMap<DomId, Duration>,
    levels: HashMap<DomId, Level>,
    /// Requests of each ring at the beginning of the window.
    requests: HashMap<ConnId, u64>,
}

impl Watchdog {
    pub fn next_expiry(&self) -> Option<Duration> {
        self.expiries.first().map(|(at, _)| *at)
    }

    /// A domain is gone: the next one with its number is judged anew.
    pub fn forget(&mut self, domid: DomId, ring: Option<ConnId>) {
        self.named.remove(&domid);
        self.levels.remove(&domid);
        if let Some(ring) = ring {
            self.requests.remove(&ring);
            self.expiries.retain(|(_, conn)| *conn != ring);
        }
    }
}

impl Server {
    /// Names a domain in the log, unless it or all of them were named enough.
    fn name(&mut self, domid: DomId, what: &str) -> bool {
        let now = self.fairness.now();
        let recently = self.watchdog.named.get(&domid).is_some_and(|at| now < *at + WINDOW);
        if recently || self.watchdog.lines >= LINES {
            return false;
        }
        self.watchdog.lines += 1;
        self.watchdog.named.insert(domid, now);
        self.effects.push_back(Effect::Log(format!("{domid} store: {what}")));
        true
    }

    /// Says when a domain crosses its quota of memory.
    pub(super) fn watch_memory(&mut self, domid: DomId, used: usize) {
        let quota: &Quota = self.domains.limits(ConnKind::Ring(domid), &self.quota);
        let (soft, hard) = (quota.memory_soft, quota.memory);
        // What would go over the hard limit is refused, so nearly there is over it.
        let level = match used {
            used if used >= hard.saturating_sub(hard / 64) => Level::OverHard,
            used if used >= soft => Level::OverSoft,
            _ => Level::Below,
        };
        let before = self.watchdog.levels.get(&domid).copied().unwrap_or_default();
        if level == before {
            return;
        }
        let line = match level {
            Level::Below => format!("holds {used} bytes: below its quota of memory again"),
            Level::OverSoft => format!("holds {used} bytes: over its soft quota of {soft}"),
            Level::OverHard => format!("holds {used} bytes: at its quota of {hard}; what needs more is refused"),
        };
        if self.name(domid, &line) {
            self.watchdog.levels.insert(domid, level);
        }
    }

    /// What is due at this time.
    pub(super) fn watch_clients(&mut self, now: Duration) {
        while let Some((at, conn)) = self.watchdog.expiries.first().copied() {
            if at > now {
                break;
            }
            self.watchdog.expiries.pop_first();
            self.drop_old_events(conn, now);
        }
        for holder in self.fairness.take_stalled() {
            if let Some(ConnKind::Ring(domid)) = self.connections.get(&holder).map(|connection| connection.kind) {
                self.name(domid, "held others up with a transaction that it did not end in time");
            }
        }
        if now >= self.watchdog.window + WINDOW {
            self.watchdog.window = now;
            self.watchdog.lines = 0;
            self.look_for_floods();
        }
    }

    /// A domain has so long to read the events that wait for it; tools and dom0 have all the time of the world.
    pub(super) fn expect_to_read(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn).filter(|connection| !connection.privileged() && !connection.expires) else {
            return;
        };
        if let Some(oldest) = connection.outbox.oldest_event() {
            connection.expires = true;
            self.watchdog.expiries.insert((oldest + UNREAD, conn));
        }
    }

    fn drop_old_events(&mut self, conn: ConnId, now: Duration) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let dropped = connection.outbox.expire(now.saturating_sub(UNREAD));
        connection.work.dropped += dropped as u64;
        connection.expires = false;
        let kind = connection.kind;
        self.expect_to_read(conn);
        self.wake_causes(conn);
        if let (ConnKind::Ring(domid), true) = (kind, dropped > 0) {
            self.name(domid, &format!("does not read: {dropped} events dropped after {} s", UNREAD.as_secs()));
        }
    }

    fn look_for_floods(&mut self) {
        let mut floods = Vec::new();
        for (conn, connection) in self.connections.iter() {
            if let ConnKind::Ring(domid) = connection.kind {
                let before = self.watchdog.requests.insert(*conn, connection.work.requests).unwrap_or_default();
                floods.push((domid, connection.work.requests.saturating_sub(before)));
            }
        }
        for (domid, requests) in floods.into_iter().filter(|(_, requests)| *requests >= FLOOD) {
            self.name(domid, &format!("{requests} requests in {} s", WINDOW.as_secs()));
        }
    }
}
