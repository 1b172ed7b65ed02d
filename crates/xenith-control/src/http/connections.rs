//! Connections: as many as the daemon takes, and none that costs the others anything.
//!
//! ```text
//!   accept --> full? the oldest idle one of the user who has most goes --> headers within 10 s --> body within 10 s, bounded --> router
//!                \--> none idle: 503
//! ```

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::task::AbortHandle;
use tower::ServiceExt;
use xenith_api::latest::{Code, Problem};

use super::answer;
use super::caller::Caller;

/// Connections at once.
const MOST: usize = 512;
/// How long a request's head may take, and then its body.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest request body: a config is a few hundred bytes.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;

/// Those that are open.
#[derive(Debug, Default)]
pub(super) struct Connections {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    all: BTreeMap<u64, Connection>,
}

#[derive(Debug)]
struct Connection {
    uid: u32,
    /// A whole request came, and its answer is being made.
    busy: Arc<AtomicBool>,
    task: AbortHandle,
}

impl Connections {
    /// Serves a connection in a task of its own.
    pub(super) fn serve(self: &Arc<Self>, stream: UnixStream, caller: Caller, router: &Router) {
        if !self.make_room() {
            tokio::spawn(turn_away(stream));
            return;
        }
        let busy = Arc::new(AtomicBool::new(false));
        let mut open = self.lock();
        let id = open.next;
        open.next += 1;
        let ended = Ended { connections: Arc::clone(self), id };
        let task = tokio::spawn(talk(stream, caller, router.clone(), Arc::clone(&busy), ended)).abort_handle();
        open.all.insert(id, Connection { uid: caller.uid, busy, task });
    }

    /// Waits until no request is being answered, but not longer than this.
    pub(super) async fn at_rest(&self, longest: Duration) {
        let quiet = async {
            while self.lock().all.values().any(|one| one.busy.load(Ordering::Relaxed)) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(longest, quiet).await;
    }

    /// Whether there is room, after the least deserving idle connection went where it must.
    fn make_room(&self) -> bool {
        let mut open = self.lock();
        if open.all.len() < MOST {
            return true;
        }
        let mut of_user: HashMap<u32, usize> = HashMap::new();
        open.all.values().for_each(|one| *of_user.entry(one.uid).or_default() += 1);
        let idle = open.all.iter().filter(|(_, one)| !one.busy.load(Ordering::Relaxed));
        let Some((id, _)) = idle.max_by_key(|(id, one)| (of_user.get(&one.uid), std::cmp::Reverse(**id))) else { return false };
        let id = *id;
        if let Some(gone) = open.all.remove(&id) {
            gone.task.abort();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a connection off the list when its task ends, however.
struct Ended {
    connections: Arc<Connections>,
    id: u64,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.connections.lock().all.remove(&self.id);
    }
}

async fn talk(stream: UnixStream, caller: Caller, router: Router, busy: Arc<AtomicBool>, ended: Ended) {
    let service = service_fn(move |request| {
        let (router, busy) = (router.clone(), Arc::clone(&busy));
        async move {
            let answer = one(request, caller, router, &busy).await;
            busy.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(answer)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    // A caller that breaks off, or does not speak HTTP, is its own affair.
    let _ = http.serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    drop(ended);
}

async fn one(request: hyper::Request<Incoming>, caller: Caller, router: Router, busy: &AtomicBool) -> Response {
    let (mut head, body) = request.into_parts();
    let body = match whole(body).await {
        Ok(body) => body,
        Err(problem) => return answer::problem(&problem),
    };
    busy.store(true, Ordering::Relaxed);
    head.extensions.insert(caller);
    let Ok(answer) = router.oneshot(hyper::Request::from_parts(head, Body::from(body))).await;
    answer
}

/// The whole body, within its bounds.
async fn whole(body: Incoming) -> Result<Bytes, Problem> {
    let refused = |code, what: &str, advice: &str| Err(Problem::new(code, "request body", format!("request body: {what}"), advice));
    match tokio::time::timeout(PATIENCE, Limited::new(body, BODY_BYTES_MAX).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => refused(Code::RequestTooLarge, "it is larger than 1MiB", "send a smaller one"),
        Ok(Err(_)) => refused(Code::BadRequest, "it cannot be read", "send it whole"),
        Err(_) => refused(Code::RequestTooSlow, "it did not arrive within 10 s", "send it at once"),
    }
}

/// Everybody is being answered: one more has to come again.
async fn turn_away(mut stream: UnixStream) {
    let problem = Problem::new(Code::TooManyConnections, "api", "api: all connections are busy", "try again in a moment");
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let told = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await
    };
    let _ = tokio::time::timeout(PATIENCE, told).await;
}
