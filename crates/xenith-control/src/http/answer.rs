//! What comes back: JSON, or a problem with its code's status.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use xenith_api::latest::{Code, Problem};

/// A value as JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => with_type(status, "application/json", bytes),
        Err(error) => problem(&Problem::new(Code::Internal, "answer", format!("cannot write the answer: {error}"), "report this")),
    }
}

/// A problem (RFC 9457).
pub(super) fn problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A problem holds strings and numbers only: writing it cannot fail.
    with_type(status, "application/problem+json", serde_json::to_vec(problem).unwrap_or_default())
}

/// What a blocking call gave.
pub(super) fn done<T: Serialize>(status: StatusCode, result: Result<T, Problem>) -> Response {
    match result {
        Ok(value) => json(status, &value),
        Err(fault) => problem(&fault),
    }
}

/// The same where success has nothing to say.
pub(super) fn nothing(result: Result<(), Problem>) -> Response {
    match result {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(fault) => problem(&fault),
    }
}

pub(super) fn with_type(status: StatusCode, kind: &'static str, bytes: Vec<u8>) -> Response {
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], bytes).into_response()
}
