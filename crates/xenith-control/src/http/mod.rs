//! HTTP over the core: every route of `xenith_api::v1::routes`, JSON in and out, every error a problem.
//!
//! ```text
//!   connection --> caller (told by the kernel) --> access (role, audit)
//!   request --> body (typed or problem) --> blocking pool: Control --> answer (JSON or problem)
//!                                                  |
//!   WebSocket <---------- console role's socket <--+
//! ```

mod access;
mod answer;
mod body;
mod caller;
mod configs;
mod connections;
mod console;
mod cpupools;
mod crashes;
mod doctor;
mod domains;
mod events;
mod host;
mod metrics;
mod operations;
mod query;
mod roles;
mod serve;
mod store;
mod wait;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::middleware;
use axum::response::Response;
use axum::routing::{get, post};
use xenith_api::latest::{Code, Problem, routes};

use crate::Control;

pub use caller::Caller;
pub use roles::Roles;
pub use serve::{ServeConfig, ServeError, ServeLock, serve};

/// The API over this core.
pub fn router(control: Arc<Control>) -> Router {
    Router::new()
        .route(routes::ROOT.path, get(host::root))
        .route(routes::OPENAPI.path, get(host::openapi))
        .route(routes::HOST.path, get(host::host))
        .route(routes::HOST_LOG.path, get(host::log))
        .route(routes::CPUPOOLS.path, get(cpupools::list))
        .route(routes::METRICS.path, get(metrics::read))
        .route(routes::DOMAINS.path, get(domains::list).post(domains::create))
        .route(routes::DOMAIN.path, get(domains::get).delete(domains::destroy))
        .route(routes::PAUSE.path, post(domains::pause))
        .route(routes::UNPAUSE.path, post(domains::unpause))
        .route(routes::SHUTDOWN.path, post(domains::shutdown))
        .route(routes::ADOPT.path, post(domains::adopt))
        .route(routes::REBOOT.path, post(domains::reboot))
        .route(routes::DUMP_CORE.path, post(domains::dump_core))
        .route(routes::CRASHES.path, get(crashes::list))
        .route(routes::CRASH.path, get(crashes::get))
        .route(routes::RENAME.path, post(domains::rename))
        .route(routes::RESIZE.path, post(domains::resize))
        .route(routes::RESTART.path, post(domains::restart))
        .route(routes::CONFIGS.path, get(configs::list))
        .route(routes::CONFIG.path, get(configs::get).put(configs::store).delete(configs::remove))
        .route(routes::START.path, post(configs::start))
        .route(routes::READ_STORE.path, get(store::read).put(store::write).delete(store::remove))
        .route(routes::DOCTOR.path, get(doctor::look))
        .route(routes::CLEAN.path, post(doctor::clean))
        .route(routes::OPERATIONS.path, get(operations::list))
        .route(routes::OPERATION.path, get(operations::get))
        .route(routes::CANCEL.path, post(operations::cancel))
        .route(routes::EVENTS.path, get(events::read))
        .route(routes::CONSOLE.path, get(console::attach))
        .route(routes::CONSOLE_LOG.path, get(console::log))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn(access::check))
        .layer(DefaultBodyLimit::max(connections::BODY_BYTES_MAX))
        .with_state(control)
}

async fn no_route(uri: Uri) -> Response {
    let path = uri.path();
    answer::problem(&Problem::new(Code::NoRoute, path, format!("no such path: {path}"), "GET /v1 tells what this daemon offers"))
}

async fn no_method(method: axum::http::Method, uri: Uri) -> Response {
    let path = uri.path();
    let title = format!("{path} does not know the method {method}");
    answer::problem(&Problem::new(Code::MethodNotAllowed, path, title, "use one of the methods that the header Allow names"))
}
