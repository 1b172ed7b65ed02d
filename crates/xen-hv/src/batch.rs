//! Several operations in one trap.
//!
//! ```text
//!   let mut batch = xen.batch();
//!   let pool = batch.add(Some(domid), SetPagingPool { .. });      Ticket
//!   let port = batch.add(Some(domid), AllocUnbound { .. });       Ticket
//!   let mut replies = batch.run()?;                               one multicall; every entry runs, whatever became of others
//!   replies.take(pool)?;  let port: Port = replies.take(port)?;   each reply or error on its own
//! ```

use std::sync::Arc;

use xen_abi::hypercall::multicall::{self, ENTRIES_MAX};
use xen_abi::{Call, DomId, Errno, Operation, OperationError, Release};

use crate::error::{Cause, Error};
use crate::seam::{Hypercalls, SeamError};

/// Operations to be issued together, in order.
pub struct Batch {
    hypercalls: Arc<dyn Hypercalls>,
    release: Release,
    entries: Vec<Prepared>,
}

struct Prepared {
    subject: Option<DomId>,
    call: Result<Call, OperationError>,
}

/// The place of one operation in a batch: gives its reply.
#[must_use]
pub struct Ticket<O: Operation> {
    index: usize,
    operation: O,
}

impl Batch {
    pub(crate) fn new(hypercalls: Arc<dyn Hypercalls>, release: Release) -> Batch {
        Batch { hypercalls, release, entries: Vec::new() }
    }

    /// Adds an operation. One that has no bytes on this release is not issued, and its ticket gives the reason.
    pub fn add<O: Operation>(&mut self, subject: Option<DomId>, operation: O) -> Ticket<O> {
        self.entries.push(Prepared { subject, call: operation.encode(&self.release) });
        Ticket { index: self.entries.len() - 1, operation }
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no operation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Issues all operations: one alone as itself, more in as few multicalls as hold them. Every operation is run even where one before it was
    /// refused. Fails where the multicall itself does: then the later operations did not run.
    pub fn run(self) -> Result<Replies, Error> {
        let mut answers = Vec::with_capacity(self.entries.len());
        for entry in self.entries {
            let (call, outcome) = match entry.call {
                Ok(call) => (Some(call), Outcome::Value(0)),
                Err(error) => (None, Outcome::NotEncoded(error)),
            };
            answers.push(Answer { subject: entry.subject, call, outcome });
        }
        let encoded: Vec<&mut Answer> = answers.iter_mut().filter(|answer| answer.call.is_some()).collect();
        issue(&*self.hypercalls, encoded)?;
        Ok(Replies { release: self.release, answers: answers.into_iter().map(Some).collect() })
    }
}

fn issue(hypercalls: &dyn Hypercalls, mut answers: Vec<&mut Answer>) -> Result<(), Error> {
    for chunk in answers.chunks_mut(ENTRIES_MAX) {
        match chunk {
            [alone] => alone.issue(hypercalls)?,
            several => issue_together(hypercalls, several)?,
        }
    }
    Ok(())
}

fn issue_together(hypercalls: &dyn Hypercalls, answers: &mut [&mut Answer]) -> Result<(), Error> {
    let failed = |cause| Error { operation: "multicall", subject: None, cause, detail: None };
    let calls: Vec<Call> = answers.iter_mut().filter_map(|answer| answer.call.take()).collect();
    let mut combined = multicall::combine(&calls).map_err(|error| failed(Cause::Operation(error)))?;
    hypercalls.issue(&mut combined).map_err(|error| failed(Cause::Seam(error)))?;
    let results = multicall::results(&combined, calls).map_err(|error| failed(Cause::Operation(error)))?;
    for (answer, (value, call)) in answers.iter_mut().zip(results) {
        answer.call = Some(call);
        answer.outcome = if value < 0 { Outcome::Refused(errno(value)) } else { Outcome::Value(value) };
    }
    Ok(())
}

fn errno(value: i64) -> Errno {
    Errno(i32::try_from(value.unsigned_abs()).unwrap_or(i32::MAX))
}

struct Answer {
    subject: Option<DomId>,
    call: Option<Call>,
    outcome: Outcome,
}

enum Outcome {
    Value(i64),
    Refused(Errno),
    NotEncoded(OperationError),
}

impl Answer {
    /// Issues a call that is alone in its batch as itself.
    fn issue(&mut self, hypercalls: &dyn Hypercalls) -> Result<(), Error> {
        let Some(call) = &mut self.call else { return Ok(()) };
        self.outcome = match hypercalls.issue(call) {
            Ok(value) => Outcome::Value(value),
            Err(SeamError::Refused { errno, .. }) => Outcome::Refused(errno),
            Err(seam) => return Err(Error { operation: call.name, subject: self.subject, cause: Cause::Seam(seam), detail: None }),
        };
        Ok(())
    }

    fn decode<O: Operation>(self, release: &Release, operation: &O) -> Result<O::Reply, Error> {
        let name = self.call.as_ref().map_or("batch", |call| call.name);
        let failed = |cause, detail| Error { operation: name, subject: self.subject, cause, detail };
        match (self.outcome, &self.call) {
            (Outcome::NotEncoded(error), _) => Err(failed(Cause::Operation(error), None)),
            (Outcome::Refused(errno), call) => {
                let detail = call.as_ref().and_then(|call| operation.explain(release, call));
                Err(failed(Cause::Seam(SeamError::Refused { what: name, errno }), detail))
            }
            (Outcome::Value(value), Some(call)) => {
                operation.decode(release, value, call).map_err(|error| failed(Cause::Operation(error), None))
            }
            (Outcome::Value(_), None) => Err(failed(Cause::Operation(OperationError::Malformed("no call".to_owned())), None)),
        }
    }
}

/// What became of a batch.
pub struct Replies {
    release: Release,
    answers: Vec<Option<Answer>>,
}

impl Replies {
    /// The reply to one operation, or why it failed. The ticket must be of this batch.
    pub fn take<O: Operation>(&mut self, ticket: Ticket<O>) -> Result<O::Reply, Error> {
        let answer = self.answers.get_mut(ticket.index).and_then(Option::take);
        let answer = answer.ok_or_else(|| Error {
            operation: "batch",
            subject: None,
            cause: Cause::Operation(OperationError::Malformed("a ticket of another batch".to_owned())),
            detail: None,
        })?;
        answer.decode(&self.release, &ticket.operation)
    }
}
