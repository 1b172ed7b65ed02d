//! The domains' routes.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use xenith_api::latest::{
    CreateRequest, CreateResponse, DumpRequest, OperationKind, Problem, RenameRequest, ResizeRequest, ShutdownRequest,
};

use super::body::{self, Body};
use super::caller::Caller;
use super::operations::{self, Wait};
use super::{answer, wait};
use crate::Control;
use crate::operations::{Begun, Done, Of, Op};

pub(super) type Core = State<Arc<Control>>;

pub(super) async fn list(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, Control::list).await)
}

pub(super) async fn get(State(control): Core, Path(id): Path<String>) -> Response {
    answer::done(StatusCode::OK, blocking(&control, move |control| control.get(&id)).await)
}

pub(super) async fn create(
    State(control): Core,
    Extension(caller): Extension<Caller>,
    wait: Wait,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let bytes = match body::bytes(body) {
        Ok(bytes) => bytes,
        Err(fault) => return answer::problem(&fault),
    };
    let request: CreateRequest = match body::parse(&bytes) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    if request.dry_run {
        let op = control.dry_run();
        return answer::done(StatusCode::OK, blocking(&control, move |control| control.create(request, &op)).await);
    }
    let key = operations::key(&headers, caller, &uri, &bytes);
    let (name, of) = (request.config.name.clone(), request.config.uuid.map(|uuid| Of { uuid, domid: None }));
    let work = move |control: &Control, op: &Arc<Op>| control.create(request, op).map(|made| Done::Created(Box::new(made)));
    let begun = control.begin_once(OperationKind::Create, &name, of, &caller.to_string(), key.as_ref());
    make(&control, begun, wait, work).await
}

/// Makes a domain, or tells of the one that the same request made before.
pub(super) async fn make(
    control: &Arc<Control>,
    begun: Result<Begun, Problem>,
    wait: Wait,
    work: impl FnOnce(&Control, &Arc<Op>) -> Result<Done, Problem> + Send + 'static,
) -> Response {
    match begun {
        Ok(Begun::New(op)) => operations::run(control, op, wait, work).await,
        Ok(Begun::Same(op)) => operations::finish(&op, wait).await,
        Ok(Begun::Earlier(uuid)) => {
            let domain = blocking(control, move |control| control.get(&uuid.to_string())).await;
            let made = domain.map(|domain| CreateResponse { domain: Some(domain), plan: Vec::new(), cost: None });
            answer::done(StatusCode::CREATED, made)
        }
        Err(fault) => answer::problem(&fault),
    }
}

pub(super) async fn destroy(State(control): Core, Extension(caller): Extension<Caller>, wait: Wait, Path(id): Path<String>) -> Response {
    let op = control.begin(OperationKind::Destroy, &id, &caller.to_string());
    operations::run(&control, op, wait, move |control, op| control.destroy(&id, op).map(|()| Done::Nothing)).await
}

pub(super) async fn restart(
    State(control): Core,
    Extension(caller): Extension<Caller>,
    wait: Wait,
    uri: Uri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let key = operations::key(&headers, caller, &uri, &[]);
    let asked = id.clone();
    let begins = move |control: &Control| {
        let of = key.as_ref().and_then(|_| control.about(&asked));
        control.begin_once(OperationKind::Restart, &asked, of, &caller.to_string(), key.as_ref())
    };
    match blocking(&control, begins).await {
        Ok(Begun::New(op)) => {
            operations::run(&control, op, wait, move |control, op| control.restart(&id, op).map(|()| Done::Nothing)).await
        }
        Ok(Begun::Same(op)) => operations::finish(&op, wait).await,
        Ok(Begun::Earlier(_)) => answer::nothing(Ok(())),
        Err(fault) => answer::problem(&fault),
    }
}

pub(super) async fn dump_core(
    State(control): Core,
    Extension(caller): Extension<Caller>,
    wait: Wait,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    let request: DumpRequest = match body::read_or_default(body) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    let op = control.begin(OperationKind::DumpCore, &id, &caller.to_string());
    operations::run(&control, op, wait, move |control, op| control.dump_core(&id, &request, op).map(Done::Dumped)).await
}

pub(super) async fn rename(State(control): Core, Extension(caller): Extension<Caller>, Path(id): Path<String>, body: Body) -> Response {
    let request: RenameRequest = match body::read(body) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    answer::done(StatusCode::OK, blocking(&control, move |control| control.rename(&id, &request.name, &caller.to_string())).await)
}

pub(super) async fn resize(State(control): Core, Extension(caller): Extension<Caller>, Path(id): Path<String>, body: Body) -> Response {
    let request: ResizeRequest = match body::read(body) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    answer::done(StatusCode::OK, blocking(&control, move |control| control.resize(&id, &request, &caller.to_string())).await)
}

pub(super) async fn pause(State(control): Core, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Response {
    answer::nothing(blocking(&control, move |control| control.pause(&id, &caller.to_string())).await)
}

pub(super) async fn unpause(State(control): Core, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Response {
    answer::nothing(blocking(&control, move |control| control.unpause(&id, &caller.to_string())).await)
}

pub(super) async fn adopt(State(control): Core, Extension(caller): Extension<Caller>, Path(id): Path<String>) -> Response {
    answer::done(StatusCode::OK, blocking(&control, move |control| control.adopt(&id, &caller.to_string())).await)
}

pub(super) async fn reboot(State(control): Core, Path(id): Path<String>) -> Response {
    answer::nothing(blocking(&control, move |control| control.reboot(&id)).await)
}

/// A wait for the end is an operation; without one it is done once the domain was asked.
pub(super) async fn shutdown(
    State(control): Core,
    Extension(caller): Extension<Caller>,
    wait: Wait,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    let request: ShutdownRequest = match body::read_or_default(body) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    let limit = Duration::from_secs(request.wait_seconds);
    if limit.is_zero() {
        return answer::nothing(wait::shut_down(&control, id, limit, None).await);
    }
    let op = control.begin(OperationKind::Shutdown, &id, &caller.to_string());
    // Whoever says how long the domain may take waits for it, unless told otherwise.
    let wait = wait.or(limit);
    let (core, asked) = (Arc::clone(&control), Arc::clone(&op));
    tokio::spawn(async move {
        core.tell(vec![asked.started()]);
        let outcome = wait::shut_down(&core, id, limit, Some(&asked)).await;
        core.tell(vec![asked.ended(outcome.as_ref().err())]);
        core.operations().end(&asked, outcome.map(|()| Done::Nothing));
    });
    operations::finish(&op, wait).await
}

/// Runs a call that may block on the pool for such calls. A panic there is our fault, not the caller's, and ends no one else.
pub(super) async fn blocking<T: Send + 'static>(
    control: &Arc<Control>,
    call: impl FnOnce(&Control) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let control = Arc::clone(control);
    let joined = tokio::task::spawn_blocking(move || call(&control)).await;
    joined.unwrap_or_else(|error| Err(crate::problem::internal("request", format!("a request's work ended early: {error}"))))
}
