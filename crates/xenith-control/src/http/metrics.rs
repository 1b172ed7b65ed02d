//! Figures for a monitoring system.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use super::domains::{Core, blocking};
use crate::Control;

/// The content type that the specification of OpenMetrics 1.0 asks for.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn read(State(control): Core) -> Response {
    match blocking(&control, Control::metrics).await {
        Ok(text) => answer::with_type(StatusCode::OK, OPEN_METRICS, text.into_bytes()),
        Err(fault) => answer::problem(&fault),
    }
}
