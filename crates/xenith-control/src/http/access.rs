//! Whether the caller may, and a line in the log for every change.

use std::borrow::Cow;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;
use xenith_api::latest::problem::shorten;
use xenith_api::latest::routes::{self, Route};
use xenith_api::latest::{Code, Problem, Role};

use super::answer;
use super::caller::Caller;

/// Left in an answer by what an operation did, for the audit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Did(pub(super) Uuid);

/// Refuses what the caller may not, and logs what it changed or tried to.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().copied().unwrap_or_else(Caller::nobody);
    let route = request.extensions().get::<MatchedPath>().and_then(|path| route(request.method().as_str(), path.as_str()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let changes = method != "GET" && method != "HEAD";
    let answer = match route {
        Some(route) if route.role > caller.role => answer::problem(&refused(route, caller)),
        _ => next.run(request).await,
    };
    if changes {
        let operation = answer.extensions().get::<Did>().map_or(Cow::Borrowed(""), |did| format!(", operation {}", did.0).into());
        let (Caller { uid, pid, role }, status, path) = (caller, answer.status().as_u16(), shorten(&path));
        tracing::info!("audit: uid {uid} pid {pid} as {role}: {method} {path}: {status}{operation}");
    }
    answer
}

fn route(method: &str, path: &str) -> Option<&'static Route> {
    // A HEAD is a GET without its body.
    let method = if method == "HEAD" { "GET" } else { method };
    routes::ALL.iter().find(|route| route.method == method && route.path == path)
}

fn refused(route: &Route, caller: Caller) -> Problem {
    let Route { method, path, role, .. } = route;
    let title = format!("{method} {path} takes the role {role}, and {caller} has {}", caller.role);
    let advice = match role {
        Role::Viewer => "ask the host's administrator",
        Role::Operator => "run it as root, or as a member of the group xenith-operator, on the socket api.sock",
        Role::Admin => "run it as root, or as a member of the group xenith-admin, on the socket api.sock",
    };
    Problem::new(Code::NotPermitted, path.to_owned(), title, advice)
}
