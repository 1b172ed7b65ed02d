//! Operations over HTTP: an answer at once where it takes less than the caller waits, and 202 with the operation where it takes longer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use xenith_api::latest::{Code, Operation, Problem};

use super::access::Did;
use super::answer;
use super::caller::Caller;
use super::domains::{Core, blocking};
use crate::Control;
use crate::operations::{Done, Key, Op};

/// How long the caller waits: `?wait=SECONDS`, or a second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait(Option<Duration>);

/// Unless something else is said.
const A_SECOND: Duration = Duration::from_secs(1);
/// The longest wait.
const AN_HOUR: u64 = 3600;

impl Wait {
    /// As it was said, or this long.
    pub(super) fn or(self, longest: Duration) -> Wait {
        Wait(self.0.or(Some(longest.saturating_add(A_SECOND))))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Wait, Response> {
        let Some(said) = super::query::value(parts.uri.query(), "wait") else { return Ok(Wait(None)) };
        let seconds = said.parse::<u64>().ok().filter(|seconds| *seconds <= AN_HOUR);
        seconds.map(|seconds| Wait(Some(Duration::from_secs(seconds)))).ok_or_else(|| answer::problem(&no_wait()))
    }
}

fn no_wait() -> Problem {
    let detail = format!("wait: it is no number from 0 to {AN_HOUR}");
    Problem::new(Code::BadRequest, "wait", detail, "give the seconds that you wait for the end")
}

/// The key of a request, where it has one.
pub(super) fn key(headers: &HeaderMap, caller: Caller, uri: &Uri, body: &[u8]) -> Option<Key> {
    headers.get("idempotency-key").map(|key| Key::new(caller.uid, key.as_bytes(), uri.path(), body))
}

/// Does the work of an operation, and answers once it ended or the caller has waited long enough.
pub(super) async fn run(
    control: &Arc<Control>,
    op: Arc<Op>,
    wait: Wait,
    work: impl FnOnce(&Control, &Arc<Op>) -> Result<Done, Problem> + Send + 'static,
) -> Response {
    let (core, worked) = (Arc::clone(control), Arc::clone(&op));
    tokio::spawn(async move {
        let op = Arc::clone(&worked);
        let outcome = blocking(&core, move |control| work(control, &op)).await;
        core.operations().end(&worked, outcome);
    });
    finish(&op, wait).await
}

/// Answers once it ended, or with the operation.
pub(super) async fn finish(op: &Op, wait: Wait) -> Response {
    over(op, wait).await;
    let mut answer = match op.outcome() {
        Some(Ok(Done::Created(made))) => answer::json(StatusCode::CREATED, made.as_ref()),
        Some(Ok(Done::Dumped(core))) => answer::json(StatusCode::OK, &core),
        Some(Ok(Done::Nothing)) => answer::nothing(Ok(())),
        Some(Err(fault)) => answer::problem(&fault),
        None => {
            let mut answer = answer::json(StatusCode::ACCEPTED, &op.told());
            if let Ok(place) = HeaderValue::from_str(&format!("/v1/operations/{}", op.id)) {
                answer.headers_mut().insert(header::LOCATION, place);
            }
            answer
        }
    };
    answer.extensions_mut().insert(Did(op.id));
    answer
}

async fn over(op: &Op, wait: Wait) {
    let mut over = op.over();
    // Whether it ended or the time did, what it looks like then is told.
    let _ = tokio::time::timeout(wait.0.unwrap_or(A_SECOND), over.wait_for(|over| *over)).await;
}

pub(super) async fn list(State(control): Core) -> Response {
    let all: Vec<Operation> = control.operations().list().iter().map(|op| op.told()).collect();
    answer::json(StatusCode::OK, &all)
}

pub(super) async fn get(State(control): Core, wait: Wait, Path(id): Path<String>) -> Response {
    let op = match control.operations().get(&id) {
        Ok(op) => op,
        Err(fault) => return answer::problem(&fault),
    };
    if wait.0.is_some() {
        over(&op, wait).await;
    }
    answer::json(StatusCode::OK, &op.told())
}

pub(super) async fn cancel(State(control): Core, wait: Wait, Path(id): Path<String>) -> Response {
    let op = match control.operations().get(&id) {
        Ok(op) => op,
        Err(fault) => return answer::problem(&fault),
    };
    op.cancel();
    control.wake();
    over(&op, wait).await;
    let mut answer = answer::json(StatusCode::OK, &op.told());
    answer.extensions_mut().insert(Did(op.id));
    answer
}
