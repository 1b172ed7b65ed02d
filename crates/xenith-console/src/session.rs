//! One domain's console: the ring on one side, log and viewers on the other.
//!
//! ```text
//!   event --> ready --> drain:  peek -> log.append -> history.push -> consume -> notify      in this order: see `log`
//!               ^          | ring empty: unmask, quiet
//!               |          | ring not empty, allowance spent: stays masked, looked at again after a while
//!               +----------+ ring not empty: again in the next turn, after every other console had its own
//!
//!   keys ---> input (at most 1 KiB) --> ring.feed -> notify
//!
//!   hostile indices: the ring is left alone for good, the log and the viewers stay
//! ```

use std::collections::VecDeque;
use std::sync::Arc;

use xen_abi::{DomId, Port};
use xen_backend::console::{ConsoleRing, OUT_SIZE, RingError};
use xen_hv::{EventChannels, SeamError};

use crate::allowance::{Allowance, Rate};
use crate::history::History;
use crate::log::disk::LogDir;
use crate::log::{Log, Start};

/// Keys that wait for room in the ring, in bytes; more is not taken from viewers.
const INPUT_LIMIT: usize = 1024;

/// Why a console is no longer served.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The ring.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// Its event channel.
    #[error(transparent)]
    Events(#[from] SeamError),
}

/// What a session needs from the role.
pub struct Plan {
    /// Whose console.
    pub domid: DomId,
    /// Name of its log, without endings.
    pub log_name: String,
    /// Its `/vm` directory, which it keeps over a restart.
    pub vm: Option<String>,
    /// What tells this life of the domain from every other.
    pub life: String,
    /// The longest a log file grows, in bytes.
    pub log_max_bytes: u64,
    /// How much history viewers get, in bytes.
    pub replay_bytes: usize,
    /// How much the console may say.
    pub rate: Rate,
}

/// A console that is served.
pub struct Session {
    /// Whose console.
    pub domid: DomId,
    /// Our port.
    pub port: Port,
    /// The domain's port, from the store.
    pub remote: Port,
    /// Its `/vm` directory, which it keeps over a restart.
    pub vm: Option<String>,
    /// What it said last.
    pub history: History,
    ring: ConsoleRing,
    log: Log,
    input: VecDeque<u8>,
    allowance: Allowance,
    /// The port is masked and the ring is to be looked at.
    ready: bool,
    /// The ring is broken or hostile.
    ignored: bool,
    /// It stands in the role's queue.
    queued: bool,
}

impl Session {
    /// Starts to serve a ring whose event channel is bound. The domain is notified, since what it sent while nobody listened was dropped,
    /// and the ring is looked at in the next turn.
    pub fn start(
        plan: &Plan,
        mut ring: ConsoleRing,
        (port, remote): (Port, Port),
        dir: Arc<dyn LogDir>,
        events: &dyn EventChannels,
        now_ms: u64,
    ) -> Result<Session, SessionError> {
        let domid = plan.domid;
        let cons = ring.out_cons();
        let prod = cons.wrapping_add(ring.waiting()?);
        let (log, start, error) = Log::open(dir, &plan.log_name, &plan.life, plan.log_max_bytes, (cons, prod));
        if let Some(error) = error {
            tracing::error!("{domid} console: log {} cannot be opened, output is not logged: {error}", plan.log_name);
        }
        if start == Start::Moved {
            tracing::warn!("{domid} console: its ring was served by somebody else in between, the log has a gap");
        }
        ring.consume(log.index().wrapping_sub(cons))?;
        let mut history = History::new(plan.replay_bytes);
        if start == Start::Continued {
            history.push(&log.tail(plan.replay_bytes));
        }
        events.notify(port)?;
        let allowance = Allowance::new(plan.rate, now_ms);
        Ok(Session {
            domid,
            vm: plan.vm.clone(),
            port,
            remote,
            history,
            ring,
            log,
            input: VecDeque::new(),
            allowance,
            ready: true,
            ignored: false,
            queued: false,
        })
    }

    /// The name of its log, without endings.
    #[must_use]
    pub fn log_name(&self) -> &str {
        self.log.name()
    }

    /// An event came: the port is masked until the ring has been emptied.
    pub fn set_ready(&mut self) {
        self.ready = true;
    }

    /// Sets whether the session stands in the role's queue, and tells whether it did.
    pub fn set_queued(&mut self, queued: bool) -> bool {
        std::mem::replace(&mut self.queued, queued)
    }

    /// Leaves the ring alone from now on. Its port stays masked, so that a guest's events cost nothing.
    pub fn ignore(&mut self) {
        self.ignored = true;
        self.input.clear();
    }

    /// Serves the ring once, in both directions. Gives in how many milliseconds it wants to be served again without an event: at once
    /// while it holds more, later when it has said too much, or not at all.
    pub fn turn(&mut self, events: &dyn EventChannels, now_ms: u64) -> Result<Option<u64>, SessionError> {
        if self.ignored {
            return Ok(None);
        }
        self.feed(events)?;
        if !self.ready {
            return Ok(None);
        }
        let allowed = self.allowance.bytes(now_ms);
        let taken = self.drain(events, allowed)?;
        self.allowance.spend(taken);
        if self.ring.waiting()? == 0 {
            self.ready = false;
            events.unmask(self.port)?;
            return Ok(None);
        }
        Ok(Some(if self.allowance.bytes(now_ms) > 0 { 0 } else { self.allowance.wait_ms() }))
    }

    /// Takes output, at most one ring and `allowed` bytes, and gives how much it was.
    fn drain(&mut self, events: &dyn EventChannels, allowed: usize) -> Result<usize, SessionError> {
        let mut buffer = [0; OUT_SIZE as usize];
        let room = allowed.min(buffer.len());
        let length = match buffer.get_mut(..room) {
            Some(buffer) => self.ring.peek(buffer)?,
            None => 0,
        };
        let bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(0);
        }
        if let Some(error) = self.log.append(bytes) {
            tracing::error!("{} console: output is not logged until the log can be written again: {error}", self.domid);
        }
        self.history.push(bytes);
        self.ring.consume(length as u32)?;
        events.notify(self.port)?;
        Ok(length)
    }

    /// Takes the rest of a ring whose domain is gone, whatever its allowance. A ring that a toolstack emptied meanwhile (soft reset) holds what
    /// is the next session's to take.
    pub fn finish(&mut self, events: &dyn EventChannels) -> Result<(), SessionError> {
        if self.ignored || !self.ring.is_as_left()? {
            return Ok(());
        }
        self.drain(events, OUT_SIZE as usize).map(drop)
    }

    /// Nothing is owed to the log: whoever serves this console next goes on where the ring says.
    pub fn settled(self) {
        self.log.settled();
    }

    /// Takes keys, as many as there is room for, and gives how many; the rest is for later.
    pub fn input(&mut self, keys: &[u8]) -> usize {
        if self.ignored {
            return keys.len();
        }
        let taken = keys.len().min(INPUT_LIMIT.saturating_sub(self.input.len()));
        self.input.extend(keys.iter().take(taken));
        taken
    }

    /// How many keys [`Session::input`] would take.
    #[must_use]
    pub fn input_room(&self) -> usize {
        INPUT_LIMIT.saturating_sub(self.input.len())
    }

    fn feed(&mut self, events: &dyn EventChannels) -> Result<(), SessionError> {
        if self.input.is_empty() {
            return Ok(());
        }
        let fed = self.ring.feed(self.input.make_contiguous())?;
        self.input.drain(..fed);
        if fed > 0 {
            events.notify(self.port)?;
        }
        Ok(())
    }
}
