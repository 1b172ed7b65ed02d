//! `xenith events`.

use std::time::Duration;

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
    format!("{:6} {} {kind:18} {detail}{by}\n", event.seq, time(event.time_ms / 1000))
}

/// UTC, by the calendar (days to civil, proleptic Gregorian).
fn time(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(time(seconds), text);
        }
    }

    #[test]
    fn a_line() {
        let event = r#"{"seq":7,"time_ms":0,"kind":"domain-created","detail":"d5 we\u001bb: created","caller":"uid 0"}"#;
        let event: Event = serde_json::from_str(event).unwrap();
        assert_eq!(line(&event), "     7 1970-01-01T00:00:00Z domain-created     d5 we\\u{1b}b: created (by uid 0)\n");
    }
}
