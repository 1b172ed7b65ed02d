//! The stored configs' routes.

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use xenith_api::latest::problem::shorten;
use xenith_api::latest::{Code, DomainConfig, OperationKind, Problem, StartRequest, StoredConfig};

use super::answer;
use super::body::{self, Body};
use super::caller::Caller;
use super::domains::{self, Core, blocking};
use super::operations::{self, Wait};
use crate::configs::Condition;
use crate::operations::Done;
use crate::{Control, problem};

pub(super) async fn list(State(control): Core) -> Response {
    answer::done(StatusCode::OK, blocking(&control, Control::configs).await)
}

pub(super) async fn get(State(control): Core, Path(id): Path<String>) -> Response {
    tagged(StatusCode::OK, blocking(&control, move |control| control.config(&id)).await)
}

pub(super) async fn store(
    State(control): Core,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let read = body::bytes(body).and_then(|bytes| body::parse(&bytes)).and_then(|config| named(config, &id));
    let (config, condition) = match read.and_then(|config| Ok((config, condition(&headers)?))) {
        Ok(both) => both,
        Err(fault) => return answer::problem(&fault),
    };
    match blocking(&control, move |control| control.store_config(config, &condition, &caller.to_string())).await {
        Ok((stored, true)) => tagged(StatusCode::CREATED, Ok(stored)),
        Ok((stored, false)) => tagged(StatusCode::OK, Ok(stored)),
        Err(fault) => answer::problem(&fault),
    }
}

pub(super) async fn remove(
    State(control): Core,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match condition(&headers) {
        Ok(condition) => {
            answer::nothing(blocking(&control, move |control| control.remove_config(&id, &condition, &caller.to_string())).await)
        }
        Err(fault) => answer::problem(&fault),
    }
}

pub(super) async fn start(
    State(control): Core,
    Extension(caller): Extension<Caller>,
    wait: Wait,
    uri: Uri,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    let bytes = match body::bytes(body) {
        Ok(bytes) => bytes,
        Err(fault) => return answer::problem(&fault),
    };
    let request: StartRequest = match body::read_or_default(Ok(bytes.clone())) {
        Ok(request) => request,
        Err(fault) => return answer::problem(&fault),
    };
    let key = operations::key(&headers, caller, &uri, &bytes);
    let begun = control.begin_once(OperationKind::Create, &id, control.about_config(&id), &caller.to_string(), key.as_ref());
    let work = move |control: &Control, op: &std::sync::Arc<crate::Op>| {
        control.start_stored(&id, request, op).map(|made| Done::Created(Box::new(made)))
    };
    domains::make(&control, begun, wait, work).await
}

/// A config stands under its own name.
fn named(config: DomainConfig, id: &str) -> Result<DomainConfig, Problem> {
    if config.name == id {
        return Ok(config);
    }
    let detail = format!("request body: it is the config of {}, and the path names {}", shorten(&config.name), shorten(id));
    let problem = Problem::new(Code::ConfigInvalid, "request body", detail, "name the same domain in both");
    Err(Problem { pointer: Some("/name".to_owned()), ..problem })
}

fn condition(headers: &HeaderMap) -> Result<Condition, Problem> {
    let matches = text(headers, &header::IF_MATCH)?;
    let none = match text(headers, &header::IF_NONE_MATCH)?.as_deref() {
        None => false,
        Some("*") => true,
        Some(_) => return Err(unread(&header::IF_NONE_MATCH, "it can only be *")),
    };
    Ok(Condition { matches, none })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Problem> {
    let value = headers.get(name).map(HeaderValue::to_str).transpose();
    value.map(|value| value.map(|text| text.trim().to_owned())).map_err(|_| unread(name, "it is not text"))
}

fn unread(name: &HeaderName, why: &str) -> Problem {
    Problem::new(Code::BadRequest, name.to_string(), format!("header {name}: {why}"), "send it as the API describes it")
}

fn tagged(status: StatusCode, stored: Result<StoredConfig, Problem>) -> Response {
    let stored = match stored {
        Ok(stored) => stored,
        Err(fault) => return answer::problem(&fault),
    };
    let Ok(etag) = HeaderValue::from_str(&stored.etag) else {
        return answer::problem(&problem::internal("config", "config: its version cannot be told"));
    };
    let mut answer = answer::json(status, &stored);
    answer.headers_mut().insert(header::ETAG, etag);
    answer
}
