//! `xenith events`.

use std::time::Duration;

use xenith_api::calendar::Utc;
use xenith_api::latest::{Event, EventKind, Problem};

use crate::context::Context;

/// Show what happened on this host, and go on with what happens
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith events                                what is kept, oldest first\n  \
    xenith events --follow                       and what happens from now on\n  \
    xenith events --since 4711 --follow --json   a line of JSON each; begin again after the last seq that was read: nothing is lost or repeated")]
pub struct Events {
    /// Go on until interrupted
    #[arg(long, short)]
    follow: bool,
    /// Only those after this number
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    since: u64,
}

/// The daemon gives a sign of life more often than this.
const SILENCE: Duration = Duration::from_secs(60);

impl Events {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        for event in context.patient_client(SILENCE).events(self.since, self.follow)? {
            context.answer(&event?, line)?;
        }
        Ok(())
    }
}

/// `4711 2026-01-02T03:04:05Z domain-created d5 web: created`.
fn line(event: &Event) -> String {
    let kind = if event.kind == EventKind::Unknown { "?" } else { event.kind.text() };
    let detail: String = event.detail.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect();
    let by = event.caller.as_ref().map_or(String::new(), |caller| format!(" (by {caller})"));
    format!("{:6} {} {kind:18} {detail}{by}\n", event.seq, Utc::of(event.time_ms / 1000).text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let event = r#"{"seq":7,"time_ms":0,"kind":"domain-created","detail":"d5 we\u001bb: created","caller":"uid 0"}"#;
        let event: Event = serde_json::from_str(event).unwrap();
        assert_eq!(line(&event), "     7 1970-01-01T00:00:00Z domain-created     d5 we\\u{1b}b: created (by uid 0)\n");
    }
}
