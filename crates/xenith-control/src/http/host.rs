//! The host's routes.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use super::domains::{Core, blocking};
use crate::Control;

pub(super) async fn root(State(control): Core) -> Response {
    answer::json(StatusCode::OK, &control.root())
}

pub(super) async fn host(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, Control::host).await)
}
