//! One operation.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;
use xenith_api::latest::{Code, CoreDump, CreateResponse, EventKind, Operation, OperationKind, OperationState, Problem, Step};
use xenith_engine::run::{Hook, Moment, Next};

use super::keys::{Key, Of};
use crate::log::Draft;

/// What came of an operation that succeeded.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// A domain, or a plan.
    Created(Box<CreateResponse>),
    /// A core dump.
    Dumped(CoreDump),
    /// Nothing that has to be said.
    Nothing,
}

/// An operation.
#[derive(Debug)]
pub struct Op {
    /// Its identity, in the journal as well.
    pub id: Uuid,
    /// The domain that it is about, where a key holds it.
    pub of: Option<Of>,
    /// An earlier daemon began it under the same key, and did not come to tell its end.
    pub again: bool,
    /// Who asked.
    pub caller: String,
    pub(super) key: Option<Key>,
    kind: OperationKind,
    subject: String,
    started: Duration,
    cancelling: AtomicBool,
    done: AtomicU32,
    /// Of the step under way, in percent; above 100 where that is not known.
    percent: AtomicU8,
    state: Mutex<State>,
    over: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    steps: Arc<Vec<Step>>,
    ended: Option<(Result<Done, Problem>, Duration)>,
}

impl Op {
    pub(super) fn new(id: Uuid, kind: OperationKind, subject: &str, caller: &str, started: Duration) -> Op {
        Op {
            id,
            of: None,
            again: false,
            caller: caller.to_owned(),
            key: None,
            kind,
            subject: subject.to_owned(),
            started,
            cancelling: AtomicBool::new(false),
            done: AtomicU32::new(0),
            percent: AtomicU8::new(u8::MAX),
            state: Mutex::default(),
            over: watch::Sender::new(false),
        }
    }

    /// One that nobody is told of.
    #[must_use]
    pub fn alone(id: Uuid) -> Op {
        Op::new(id, OperationKind::Create, "", "", Duration::ZERO)
    }

    pub(super) fn with_key(self, of: Of, again: bool, key: Key) -> Op {
        Op { of: Some(of), again, key: Some(key), ..self }
    }

    /// Asks it to turn back. One that ended is not changed.
    pub fn cancel(&self) {
        self.cancelling.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked it to turn back.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelling.load(Ordering::Relaxed)
    }

    /// So much of so much of the step under way is done; false where somebody asked to turn back.
    pub fn part(&self, done: u64, of: u64) -> bool {
        let percent = done.saturating_mul(100).checked_div(of).unwrap_or(0).min(100);
        self.percent.store(u8::try_from(percent).unwrap_or(100), Ordering::Relaxed);
        !self.is_cancelled()
    }

    /// Whether it ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        *self.over.borrow()
    }

    /// Changes when it ends.
    #[must_use]
    pub fn over(&self) -> watch::Receiver<bool> {
        self.over.subscribe()
    }

    /// What came of it; none while it is under way.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<Done, Problem>> {
        self.lock().ended.as_ref().map(|(outcome, _)| outcome.clone())
    }

    pub(super) fn end(&self, outcome: Result<Done, Problem>, now: Duration) {
        let outcome = outcome.map_err(|problem| Problem { operation: Some(self.id), ..problem });
        let mut state = self.lock();
        if let Ok(Done::Created(_)) = outcome {
            // The answer has them, with how long each took.
            state.steps = Arc::default();
        }
        state.ended.get_or_insert((outcome, now));
        drop(state);
        self.over.send_replace(true);
    }

    /// The event of its beginning.
    #[must_use]
    pub fn started(&self) -> Draft {
        let detail = format!("{}: {} began", self.subject, word(self.kind));
        Draft::new(EventKind::OperationStarted, detail).operation(self.id).caller(&self.caller)
    }

    /// The event of its end.
    #[must_use]
    pub fn ended(&self, problem: Option<&Problem>) -> Draft {
        let detail = match problem {
            None => format!("{}: {} succeeded", self.subject, word(self.kind)),
            Some(problem) => format!("{}: {} failed: {problem}", self.subject, word(self.kind)),
        };
        Draft::new(EventKind::OperationEnded, detail).operation(self.id).caller(&self.caller)
    }

    /// As the API tells it.
    #[must_use]
    pub fn told(&self) -> Operation {
        let state = self.lock();
        let total = u32::try_from(state.steps.len()).unwrap_or(u32::MAX);
        let mut told = Operation {
            id: self.id,
            kind: self.kind,
            subject: self.subject.clone(),
            state: OperationState::Running,
            caller: self.caller.clone(),
            started_ms: milliseconds(self.started),
            ended_ms: None,
            done: self.done.load(Ordering::Relaxed),
            total,
            cancelling: self.is_cancelled(),
            steps: state.steps.to_vec(),
            percent: Some(self.percent.load(Ordering::Relaxed)).filter(|percent| *percent <= 100),
            core: None,
            domain: None,
            error: None,
        };
        if let Some((outcome, ended)) = &state.ended {
            told.percent = None;
            told.ended_ms = Some(milliseconds(*ended));
            told.state = match outcome {
                Ok(_) => OperationState::Succeeded,
                Err(problem) if problem.code == Code::Cancelled => OperationState::Cancelled,
                Err(_) => OperationState::Failed,
            };
            match outcome {
                Ok(Done::Created(created)) => {
                    let total = u32::try_from(created.plan.len()).unwrap_or(u32::MAX);
                    (told.done, told.total, told.steps, told.domain) = (total, total, created.plan.clone(), created.domain.clone());
                }
                Ok(Done::Dumped(core)) => (told.done, told.core) = (total, Some(core.clone())),
                Ok(Done::Nothing) => {}
                Err(problem) => told.error = Some(problem.clone()),
            }
        }
        told
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hook for Op {
    fn at(&self, moment: Moment) -> Next {
        if let Moment::AfterAct(step) = moment {
            self.done.store(u32::try_from(step + 1).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        if self.is_cancelled() { Next::Cancel } else { Next::Go }
    }

    fn planned(&self, steps: &Arc<Vec<Step>>) {
        self.lock().steps = Arc::clone(steps);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn word(kind: OperationKind) -> &'static str {
    match kind {
        OperationKind::Create => "create",
        OperationKind::Destroy => "destroy",
        OperationKind::Shutdown => "shutdown",
        OperationKind::Reboot => "reboot",
        OperationKind::Restart => "restart",
        OperationKind::DumpCore => "dump core",
        OperationKind::Unknown => "operation",
    }
}
