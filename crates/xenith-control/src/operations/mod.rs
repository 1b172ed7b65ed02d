//! Operations: what is under way, and what ended not long ago.
//!
//! ```text
//!   begin --> Op: told the plan, sees each step, turns back when asked --> end(outcome)
//!     |
//!     +-- an idempotency key: the same request is the same operation, also of the next daemon ([`keys`])
//! ```

mod keys;
mod op;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use xenith_api::latest::{Code, OperationKind, Problem};
use xenith_engine::clock::Clock;

use keys::{Kept, Keys};
pub use keys::{Key, Of};
pub use op::{Done, Op};

/// How many operations that ended are remembered; the event log has all of them.
const REMEMBERED: usize = 256;

/// All of them.
pub struct Operations {
    all: Mutex<VecDeque<Arc<Op>>>,
    keys: Keys,
    clock: Arc<dyn Clock>,
}

/// What a request with a key turns out to be.
pub enum Begun {
    /// A new one.
    New(Arc<Op>),
    /// The one that the same request began before.
    Same(Arc<Op>),
    /// One that an earlier daemon did: this domain came of it.
    Earlier(Uuid),
}

impl Operations {
    pub(crate) fn open(keys: &Path, clock: Arc<dyn Clock>) -> io::Result<Operations> {
        Ok(Operations { all: Mutex::default(), keys: Keys::open(keys)?, clock })
    }

    /// Begins an operation.
    pub fn begin(&self, id: Uuid, kind: OperationKind, subject: &str, caller: &str) -> Arc<Op> {
        self.remember(Op::new(id, kind, subject, caller, self.clock.since_epoch()))
    }

    /// Begins one unless its key says that it began before.
    pub fn begin_once(&self, id: Uuid, of: Of, kind: OperationKind, subject: &str, caller: &str, key: &Key) -> Result<Begun, Problem> {
        let mut all = self.lock();
        let known = self.keys.get(key).filter(|kept| !self.keys.is_old(kept, self.clock.since_epoch()));
        if let Some(kept) = known {
            if kept.fingerprint != key.fingerprint {
                let detail = "Idempotency-Key: it was used for another request";
                return Err(Problem::new(Code::KeyReused, "Idempotency-Key", detail, "take a fresh key for each request"));
            }
            if let Some(op) = all.iter().find(|op| op.id == kept.operation) {
                return Ok(Begun::Same(Arc::clone(op)));
            }
            if kept.done {
                return Ok(Begun::Earlier(kept.of.uuid));
            }
        }
        // What an earlier daemon did not finish is about the same domain when it is asked for again.
        let cut_short = self.keys.get(key).filter(|kept| !kept.done).map(|kept| kept.of);
        let of = cut_short.unwrap_or(of);
        let now = self.clock.since_epoch();
        let kept = Kept { operation: id, of, fingerprint: key.fingerprint.clone(), done: false, begun_s: now.as_secs() };
        self.keys.put(key, &kept).map_err(|error| crate::problem::internal("operation", format!("operation: its key: {error}")))?;
        let op = Op::new(id, kind, subject, caller, now).with_key(of, cut_short.is_some(), key.clone());
        Ok(Begun::New(remember(&mut all, op)))
    }

    /// Ends an operation.
    pub fn end(&self, op: &Op, outcome: Result<Done, Problem>) {
        if let (Some(key), Some(of), Ok(_)) = (&op.key, op.of, &outcome) {
            let now = self.clock.since_epoch().as_secs();
            let kept = Kept { operation: op.id, of, fingerprint: key.fingerprint.clone(), done: true, begun_s: now };
            if let Err(error) = self.keys.put(key, &kept) {
                tracing::warn!("operation {}: its key: {error}", op.id);
            }
        } else if let (Some(key), Err(_)) = (&op.key, &outcome) {
            // What failed may be tried again under the same key once it is forgotten here.
            self.keys.remove(key);
        }
        op.end(outcome, self.clock.since_epoch());
    }

    /// One of them.
    pub fn get(&self, id: &str) -> Result<Arc<Op>, Problem> {
        let found = Uuid::try_parse(id).ok().and_then(|id| self.lock().iter().find(|op| op.id == id).cloned());
        let shown = xenith_api::latest::problem::shorten(id);
        let missing = || {
            let detail = format!("operation {shown}: there is none, or it ended long ago");
            Problem::new(Code::OperationNotFound, format!("operation {shown}"), detail, "GET /v1/events tells how operations ended")
        };
        found.ok_or_else(missing)
    }

    /// All of them, newest last.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Op>> {
        self.lock().iter().cloned().collect()
    }

    fn remember(&self, op: Op) -> Arc<Op> {
        remember(&mut self.lock(), op)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Op>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(all: &mut VecDeque<Arc<Op>>, op: Op) -> Arc<Op> {
    let op = Arc::new(op);
    if all.len() >= REMEMBERED
        && let Some(oldest) = all.iter().position(|op| op.has_ended())
    {
        all.remove(oldest);
    }
    all.push_back(Arc::clone(&op));
    op
}
