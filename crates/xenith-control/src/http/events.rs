//! The event log over HTTP: NDJSON, or server-sent events for those who ask for them.
//!
//! A reader is given what the files hold, a batch at a time, when it takes it: one that is slow costs nothing but its connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::watch;
use xenith_api::latest::{Code, EventKind, Problem};

use super::domains::Core;
use super::{answer, query};
use crate::Control;

/// What was asked for.
struct Reader {
    control: Arc<Control>,
    last: watch::Receiver<u64>,
    since: u64,
    follow: bool,
    sse: bool,
    waiting: VecDeque<Bytes>,
}

/// A line for those who listen and hear nothing, so that both sides notice when the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(super) async fn read(State(control): Core, uri: Uri, headers: HeaderMap) -> Response {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let sse = said("accept").is_some_and(|accept| accept.contains("text/event-stream"));
    // A browser that connects again says where it was.
    let since = query::value(uri.query(), "since").or(said("last-event-id"));
    let Some(since) = since.map_or(Some(0), |since| since.parse().ok()) else {
        return answer::problem(&Problem::new(Code::BadRequest, "since", "since: it is no number", "give the seq of an event, or 0"));
    };
    let Some(follow) = query::value(uri.query(), "follow").map_or(Some(false), |follow| follow.parse().ok()) else {
        return answer::problem(&Problem::new(Code::BadRequest, "follow", "follow: it is neither true nor false", "say true, or nothing"));
    };
    let follow = sse || follow;
    let reader = Reader { last: control.events().last(), control, since, follow, sse, waiting: VecDeque::new() };
    let body = Body::from_stream(stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) }));
    let kind = if sse { "text/event-stream" } else { "application/x-ndjson" };
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

impl Reader {
    /// The next piece; none at the end.
    async fn next(&mut self) -> Option<std::io::Result<Bytes>> {
        loop {
            if let Some(piece) = self.waiting.pop_front() {
                return Some(Ok(piece));
            }
            let (control, since) = (Arc::clone(&self.control), self.since);
            self.last.borrow_and_update();
            let batch = match tokio::task::spawn_blocking(move || control.events().read(since)).await {
                Ok(Ok(batch)) => batch,
                Ok(Err(error)) => return Some(Err(error)),
                Err(error) => return Some(Err(std::io::Error::other(error))),
            };
            self.since = batch.last;
            if batch.lines.is_empty() {
                if !self.follow {
                    return None;
                }
                match tokio::time::timeout(HEARTBEAT, self.last.changed()).await {
                    Ok(Err(_)) => return None,
                    Ok(Ok(())) => continue,
                    Err(_) => return Some(Ok(Bytes::from_static(if self.sse { b":\n\n" } else { b"\n" }))),
                }
            }
            let sse = self.sse;
            let text: String = batch.lines.iter().map(|(seq, kind, line)| piece(sse, *seq, *kind, line)).collect();
            self.waiting.push_back(text.into());
        }
    }
}

fn piece(sse: bool, seq: u64, kind: EventKind, line: &str) -> String {
    match sse {
        true => format!("id: {seq}\nevent: {}\ndata: {line}\n\n", kind.text()),
        false => format!("{line}\n"),
    }
}
