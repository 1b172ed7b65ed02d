//! The routes of crash reports.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use super::domains::{Core, blocking};

pub(super) async fn list(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, |control| Ok(control.crashes().list())).await)
}

pub(super) async fn get(State(control): Core, Path(id): Path<String>) -> Response {
    answer::done(StatusCode::OK, blocking(&control, move |control| control.crashes().get(&id)).await)
}
