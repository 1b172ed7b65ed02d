//! Waiting for a domain to stop, with no thread parked: the events thread bumps a count, and whoever waits looks again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use xenith_api::latest::{Code, Problem};

use super::domains::blocking;
use crate::Control;
use crate::operations::Op;

/// Looks again after this long even without an event, for the time in which the store is away.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Asks the domain to shut down and, where a wait is wanted, returns once it has stopped.
pub(super) async fn shut_down(control: &Arc<Control>, id: String, wait: Duration, op: Option<&Op>) -> Result<(), Problem> {
    let mut changes = control.changes();
    let subject = format!("domain {id}");
    let stopping = blocking(control, move |control| control.shutdown(&id)).await?;
    if wait.is_zero() {
        return Ok(());
    }
    let end = Instant::now() + wait.min(Duration::from_secs(365 * 24 * 3600));
    loop {
        if blocking(control, move |control| control.has_stopped(&stopping)).await? {
            return Ok(());
        }
        if op.is_some_and(Op::is_cancelled) {
            let detail = format!("{subject}: nobody waits for its shutdown any more; it was asked, and may still shut down");
            return Err(Problem::new(Code::Cancelled, subject, detail, "list the domains"));
        }
        let now = Instant::now();
        if now >= end {
            let title = format!("{subject}: not shut down after {} seconds", wait.as_secs());
            return Err(Problem::new(Code::TimedOut, subject, title, "wait longer, or destroy it"));
        }
        // Whether an event or the clock woke us, the next look tells.
        let _ = timeout_at(end.min(now + LOOK_AGAIN), changes.changed()).await;
    }
}
