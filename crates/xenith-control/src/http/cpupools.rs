//! The CPU pools' route.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use super::domains::{Core, blocking};
use crate::Control;

pub(super) async fn list(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, Control::cpupools).await)
}
