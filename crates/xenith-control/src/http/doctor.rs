//! The doctor's routes.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use super::caller::Caller;
use super::domains::{Core, blocking};
use crate::Control;

pub(super) async fn look(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, Control::doctor).await)
}

pub(super) async fn clean(State(control): Core, Extension(caller): Extension<Caller>) -> Response {
    answer::done(StatusCode::OK, blocking(&control, move |control| control.clean(&caller.to_string())).await)
}
