//! Whether the caller may, and a line in the log for every change.

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;
use xen_store::path::StorePath;
use xenith_api::latest::problem::shorten;
use xenith_api::latest::routes::{self, Route};
use xenith_api::latest::{Code, Problem, Role};

use super::answer;
use super::caller::Caller;
use super::store;

/// Left in an answer by what an operation did, for the audit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Did(pub(super) Uuid);

/// Refuses what the caller may not, and logs what it changed or tried to.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().copied().unwrap_or_else(Caller::nobody);
    let route = request.extensions().get::<MatchedPath>().and_then(|path| route(request.method().as_str(), path.as_str()));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // Of the store's nodes the path tells nothing: they are named in the query.
    let node = (path == routes::WRITE_STORE.path).then(|| store::named(request.uri())).flatten();
    let changes = method != "GET" && method != "HEAD";
    let answer = match route {
        Some(route) if route.role > caller.role => answer::problem(&refused(route, caller)),
        _ => next.run(request).await,
    };
    if changes {
        let operation = answer.extensions().get::<Did>().map(|did| did.0);
        let node = node.as_ref().map(StorePath::as_str);
        tracing::info!("{}", line(caller, &format!("{method} {}", shorten(&path)), node, answer.status().as_u16(), operation));
    }
    answer
}

/// What the log says of a change.
fn line(caller: Caller, what: &str, node: Option<&str>, status: u16, operation: Option<Uuid>) -> String {
    let Caller { uid, pid, role } = caller;
    let node = node.map_or_else(String::new, |node| format!(" node {node}"));
    let operation = operation.map_or_else(String::new, |id| format!(", operation {id}"));
    format!("audit: uid {uid} pid {pid} as {role}: {what}{node}: {status}{operation}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_who_what_and_what_came_of_it() {
        let caller = Caller { uid: 1000, pid: 7, role: Role::Admin };
        let table = [
            (
                line(caller, "POST /v1/domains", None, 201, Some(Uuid::nil())),
                "POST /v1/domains: 201, operation 00000000-0000-0000-0000-000000000000",
            ),
            (line(caller, "PUT /v1/store", Some("/a/b"), 204, None), "PUT /v1/store node /a/b: 204"),
            (line(caller, "DELETE /v1/store", None, 400, None), "DELETE /v1/store: 400"),
        ];
        for (line, expected) in table {
            assert_eq!(line, format!("audit: uid 1000 pid 7 as admin: {expected}"));
        }
    }
}
