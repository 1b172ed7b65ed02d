//! The store's routes: which node is meant stands in the query.

use axum::Extension;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use xen_store::path::StorePath;
use xenith_api::latest::store::DEPTH_MAX;
use xenith_api::latest::{Code, Problem, StoreValue};

use super::body::{self, Body};
use super::caller::Caller;
use super::domains::{Core, blocking};
use super::{answer, query};
use crate::control::node_path;

pub(super) async fn read(State(control): Core, uri: Uri) -> Response {
    match node(&uri).and_then(|path| Ok((path, depth(&uri)?))) {
        Ok((path, depth)) => answer::done(StatusCode::OK, blocking(&control, move |control| control.store_nodes(&path, depth)).await),
        Err(fault) => answer::problem(&fault),
    }
}

pub(super) async fn write(State(control): Core, Extension(caller): Extension<Caller>, uri: Uri, body: Body) -> Response {
    match node(&uri).and_then(|path| Ok((path, value(body)?))) {
        Ok((path, value)) => {
            answer::nothing(blocking(&control, move |control| control.write_store(&path, &value, &caller.to_string())).await)
        }
        Err(fault) => answer::problem(&fault),
    }
}

pub(super) async fn remove(State(control): Core, Extension(caller): Extension<Caller>, uri: Uri) -> Response {
    match node(&uri) {
        Ok(path) => answer::nothing(blocking(&control, move |control| control.remove_store(&path, &caller.to_string())).await),
        Err(fault) => answer::problem(&fault),
    }
}

/// The node that a request names, for the audit: whole, but nothing that is no path.
pub(super) fn named(uri: &Uri) -> Option<StorePath> {
    node(uri).ok()
}

fn node(uri: &Uri) -> Result<StorePath, Problem> {
    let missing = || Problem::new(Code::BadRequest, "path", "path: no node is named", "name one: ?path=/tool/example");
    node_path(&query::text(uri.query(), "path").ok_or_else(missing)?)
}

fn depth(uri: &Uri) -> Result<u32, Problem> {
    let said = query::value(uri.query(), "depth").map_or(Ok(0), str::parse);
    said.ok().filter(|depth| *depth <= DEPTH_MAX).ok_or_else(|| {
        Problem::new(
            Code::BadRequest,
            "depth",
            format!("depth: it is no number from 0 to {DEPTH_MAX}"),
            "give how many levels below the node",
        )
    })
}

fn value(body: Body) -> Result<Vec<u8>, Problem> {
    let value: StoreValue = body::parse(&body::bytes(body)?)?;
    value.bytes().map_err(|wrong| {
        Problem::new(Code::ConfigBadValue, "request body", format!("request body: {wrong}"), "correct the body as the API describes it")
    })
}
