//! The host's routes.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use xenith_api::latest::Root;

use super::answer;
use super::caller::Caller;
use super::domains::{Core, blocking};
use crate::Control;

pub(super) async fn root(State(control): Core, caller: Extension<Caller>) -> Response {
    answer::json(StatusCode::OK, &Root { role: caller.role, ..control.root() })
}

/// The document, as it is committed.
pub(super) async fn openapi() -> Response {
    answer::with_type(StatusCode::OK, "application/json", xenith_api::openapi::TEXT.into())
}

pub(super) async fn host(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, Control::host).await)
}

/// As Xen wrote it: nothing promises UTF-8.
pub(super) async fn log(State(control): Core) -> Response {
    match blocking(&control, Control::host_log).await {
        Ok(bytes) => answer::with_type(StatusCode::OK, "text/plain", bytes),
        Err(fault) => answer::problem(&fault),
    }
}
