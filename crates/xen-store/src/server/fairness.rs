//! Whose turn it is when transactions keep meeting each other.
//!
//! ```text
//!   commit refused -> refused again -> claimant -- next START --> holder of a lease of at most 10 ms on every path that the refused
//!                                        |                        transaction had touched
//!                                        \-- START, but somebody holds one of these paths --> stands in line
//!
//!   while a lease lasts   requests of others that would change such a path, and their commits, are parked
//!   it ends               with the holder's transaction, with the holder, or when its time is up (the holder must earn the next one anew)
//!                         parked requests go first, each at most once parked; then the line, in order
//! ```
//!
//! Neither transactions nor plain writes can starve a transaction, and a holder that does nothing costs the others one lease. A client rests
//! after a lease for as long as it held it, and a hundred times as long when its time ran out: so it holds at most half of the time, or a
//! hundredth. Without a clock ([`Server::tick`]) there are no leases. Neither peer has any of this for sockets.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Bound;
use std::time::Duration;

use super::{ConnId, Server};
use crate::path::StorePath;
use crate::tree::Tree;
use crate::wire::MsgType;

/// The longest that a holder keeps others waiting.
pub const LEASE: Duration = Duration::from_millis(10);
/// Refusals in a row that make a claimant.
const REFUSALS: u32 = 2;
/// Leases' worth of time without one after a lease ran out.
const PENALTY: u32 = 100;
/// Paths that a lease covers; a transaction that touched more is covered in part.
const PATHS_MAX: usize = 1024;

/// Paths that a transaction had to do with.
#[derive(Debug, Default)]
pub(super) struct Footprint(BTreeSet<Box<str>>);

impl Footprint {
    pub fn of(touched: impl Iterator<Item = (MsgType, StorePath)>) -> Footprint {
        Footprint(touched.take(PATHS_MAX).map(|(_, path)| path.as_str().into()).collect())
    }

    fn contains(&self, path: &StorePath) -> bool {
        self.0.contains(path.as_str())
    }

    fn meets(&self, other: &Footprint) -> bool {
        let (few, many) = if self.0.len() < other.0.len() { (self, other) } else { (other, self) };
        few.0.iter().any(|path| many.0.contains(path))
    }

    /// Whether a request would change what a reader of these paths was told.
    fn feels(&self, kind: MsgType, path: &StorePath, live: &Tree) -> bool {
        match kind {
            MsgType::SetPerms => self.contains(path),
            MsgType::Write | MsgType::Mkdir => self.contains(path) || (live.node(path).is_none() && self.contains_above(path)),
            MsgType::Rm => self.contains(path) || self.contains(&path.parent()) || self.contains_below(path),
            _ => false,
        }
    }

    fn contains_above(&self, path: &StorePath) -> bool {
        let mut above = path.parent();
        while !above.is_root() {
            if self.contains(&above) {
                return true;
            }
            above = above.parent();
        }
        self.contains(&above)
    }

    fn contains_below(&self, path: &StorePath) -> bool {
        let start = format!("{}/", path.as_str().trim_end_matches('/'));
        self.0.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded)).next().is_some_and(|next| next.starts_with(&start))
    }
}

/// How a client fared lately.
#[derive(Debug, Default)]
struct Standing {
    /// Refusals in a row.
    refused: u32,
    footprint: Footprint,
    /// No lease before.
    rests_until: Duration,
}

#[derive(Debug)]
struct Lease {
    holder: ConnId,
    transaction: u32,
    footprint: Footprint,
    since: Duration,
}

impl Lease {
    fn until(&self) -> Duration {
        self.since + LEASE
    }
}

/// What TRANSACTION_START means for a client.
pub(super) enum Start {
    /// Go on.
    Now,
    /// Go on, as the holder of a lease.
    Leased,
    /// Stand in line.
    Wait,
}

#[derive(Debug, Default)]
pub(super) struct Fairness {
    /// `None` until the shell told the time.
    now: Option<Duration>,
    /// Clients whose last commit was refused, or who rest.
    standings: HashMap<ConnId, Standing>,
    leases: Vec<Lease>,
    /// Clients with a parked request, and whose lease they wait for.
    parked: VecDeque<(ConnId, ConnId)>,
    /// Claimants with a parked TRANSACTION_START.
    line: VecDeque<ConnId>,
    /// Clients whose parked requests are to be looked at again.
    released: VecDeque<ConnId>,
    /// Holders whose time ran out.
    stalled: Vec<ConnId>,
    /// The request that is looked at had waited: nothing holds it up again.
    insists: bool,
}

impl Fairness {
    /// Holders whose time ran out since the last call.
    pub fn take_stalled(&mut self) -> Vec<ConnId> {
        std::mem::take(&mut self.stalled)
    }

    /// The time; the beginning while nobody tells it.
    pub fn now(&self) -> Duration {
        self.now.unwrap_or_default()
    }

    /// Whether anybody holds a lease.
    pub fn is_active(&self) -> bool {
        !self.leases.is_empty() && !self.insists
    }

    /// Whose lease a change by this client would disturb.
    pub fn in_the_way(&self, conn: ConnId, live: &Tree, kind: MsgType, path: &StorePath) -> Option<ConnId> {
        let disturbed = |lease: &&Lease| lease.holder != conn && lease.footprint.feels(kind, path, live);
        self.leases.iter().find(disturbed).map(|lease| lease.holder)
    }

    /// Notes that a client's request waits until a lease ends.
    pub fn park(&mut self, conn: ConnId, holder: ConnId) {
        self.parked.push_back((conn, holder));
    }

    /// Whether another refusal makes this client a claimant: its footprint will be wanted.
    pub fn may_claim(&self, conn: ConnId) -> bool {
        self.now.is_some() && self.standings.get(&conn).is_some_and(|standing| standing.refused + 1 >= REFUSALS)
    }

    /// A commit was refused.
    pub fn refused(&mut self, conn: ConnId, footprint: Option<Footprint>) {
        let standing = self.standings.entry(conn).or_default();
        standing.refused += 1;
        standing.footprint = footprint.unwrap_or_default();
    }

    /// A commit was accepted, or given up.
    pub fn served(&mut self, conn: ConnId) {
        let now = self.now();
        if let Some(standing) = self.standings.get_mut(&conn) {
            standing.refused = 0;
            standing.footprint = Footprint::default();
            if standing.rests_until <= now {
                self.standings.remove(&conn);
            }
        }
    }

    /// Decides on a TRANSACTION_START.
    pub fn start(&mut self, conn: ConnId) -> Start {
        let Some(now) = self.now else { return Start::Now };
        let claims = |standing: &&Standing| standing.refused >= REFUSALS && standing.rests_until <= now && !standing.footprint.0.is_empty();
        let Some(standing) = self.standings.get(&conn).filter(claims) else { return Start::Now };
        if self.leases.iter().any(|lease| lease.holder == conn) {
            return Start::Now;
        }
        if self.leases.iter().any(|lease| lease.footprint.meets(&standing.footprint)) {
            self.line.push_back(conn);
            return Start::Wait;
        }
        Start::Leased
    }

    /// Gives a lease.
    pub fn lease(&mut self, conn: ConnId, transaction: u32) {
        let since = self.now();
        let Some(standing) = self.standings.get_mut(&conn) else { return };
        let footprint = std::mem::take(&mut standing.footprint);
        self.leases.push(Lease { holder: conn, transaction, footprint, since });
    }

    /// A transaction is over: so is its lease.
    pub fn transaction_over(&mut self, conn: ConnId, transaction: u32) {
        self.end_leases(|lease| lease.holder == conn && lease.transaction == transaction);
    }

    /// A client is gone, or has dropped everything.
    pub fn forget(&mut self, conn: ConnId) {
        self.standings.remove(&conn);
        self.parked.retain(|(other, _)| *other != conn);
        self.line.retain(|other| *other != conn);
        self.released.retain(|other| *other != conn);
        self.end_leases(|lease| lease.holder == conn);
    }

    fn end_leases(&mut self, over: impl Fn(&Lease) -> bool) {
        let now = self.now();
        let mut at = 0;
        while let Some(lease) = self.leases.get(at) {
            if !over(lease) {
                at += 1;
                continue;
            }
            let lease = self.leases.swap_remove(at);
            let held = now.saturating_sub(lease.since);
            let standing = self.standings.entry(lease.holder).or_default();
            if lease.until() <= now {
                self.stalled.push(lease.holder);
                *standing = Standing { rests_until: now + LEASE * PENALTY, ..Standing::default() };
            } else {
                standing.rests_until = now + held;
            }
            self.release(lease.holder);
        }
    }

    /// Lets those go on who waited for this holder, then the line.
    fn release(&mut self, holder: ConnId) {
        let released = &mut self.released;
        self.parked.retain(|(conn, waits_for)| {
            let free = *waits_for == holder;
            if free {
                released.push_back(*conn);
            }
            !free
        });
        self.released.append(&mut self.line);
    }

    /// The next client whose parked request is to be looked at again.
    /// Whether a request that waited can be looked at again.
    pub fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    fn next_released(&mut self) -> Option<ConnId> {
        self.released.pop_front()
    }
}

impl Server {
    /// Tells the time, from any fixed beginning on. Leases that ran out end. Call it before work, and at [`Server::next_deadline`].
    pub fn tick(&mut self, now: Duration) {
        self.fairness.now = Some(now);
        if !self.fairness.leases.is_empty() {
            self.fairness.end_leases(|lease| lease.until() <= now);
        }
        self.watch_clients(now);
    }

    /// When [`Server::tick`] must be called at the latest, though nothing else happens; `None` while nobody waits for anything.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let waits = !(self.fairness.parked.is_empty() && self.fairness.line.is_empty());
        let lease = waits.then(|| self.fairness.leases.iter().map(Lease::until).min()).flatten();
        [lease, self.watchdog.next_expiry()].into_iter().flatten().min()
    }

    /// Looks again at one request that waited for a lease to end. `false` when there is none.
    pub(super) fn serve_released(&mut self) -> bool {
        let Some(conn) = self.fairness.next_released() else { return false };
        let message = self.connections.get_mut(&conn).and_then(|connection| connection.parked.take());
        if let Some(message) = message {
            self.fairness.insists = true;
            self.handle(conn, message);
            self.fairness.insists = false;
        }
        self.forget_absent(conn);
        self.wake(conn);
        true
    }
}
