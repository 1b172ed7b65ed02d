//! The domains' routes.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use xenith_api::latest::{CreateRequest, Problem, ShutdownRequest};

use super::body::{self, Body};
use super::{answer, wait};
use crate::Control;

pub(super) type Core = State<Arc<Control>>;

pub(super) async fn list(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, Control::list).await)
}

pub(super) async fn get(State(control): Core, Path(id): Path<String>) -> Response {
    answer::done(StatusCode::OK, blocking(&control, move |control| control.get(&id)).await)
}

pub(super) async fn create(State(control): Core, body: Body) -> Response {
    let request: CreateRequest = match body::read(body) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    let status = if request.dry_run { StatusCode::OK } else { StatusCode::CREATED };
    answer::done(status, blocking(&control, move |control| control.create(request)).await)
}

pub(super) async fn destroy(State(control): Core, Path(id): Path<String>) -> Response {
    answer::nothing(blocking(&control, move |control| control.destroy(&id)).await)
}

pub(super) async fn pause(State(control): Core, Path(id): Path<String>) -> Response {
    answer::nothing(blocking(&control, move |control| control.pause(&id)).await)
}

pub(super) async fn unpause(State(control): Core, Path(id): Path<String>) -> Response {
    answer::nothing(blocking(&control, move |control| control.unpause(&id)).await)
}

pub(super) async fn shutdown(State(control): Core, Path(id): Path<String>, body: Body) -> Response {
    let request: ShutdownRequest = match body::read_or_default(body) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    answer::nothing(wait::shut_down(control, id, Duration::from_secs(request.wait_seconds)).await)
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
