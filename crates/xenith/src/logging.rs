//! The log: lines on standard error that begin with their subject, after time, level and the program's name.

use std::fmt;
use std::io;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::registry::LookupSpan;

/// A level by its name.
pub fn level(name: &str) -> Result<LevelFilter, String> {
    match name {
        "error" => Ok(LevelFilter::ERROR),
        "warn" => Ok(LevelFilter::WARN),
        "info" => Ok(LevelFilter::INFO),
        "debug" => Ok(LevelFilter::DEBUG),
        "trace" => Ok(LevelFilter::TRACE),
        _ => Err("use error, warn, info, debug or trace".to_owned()),
    }
}

/// Begins to log as this role. The time is left out where the journal adds it.
pub fn begin(role: &'static str, level: LevelFilter) {
    let timed = std::env::var_os("JOURNAL_STREAM").is_none();
    // Errors of the log itself are dropped: the reader of a role's log may die before the role does.
    let log = tracing_subscriber::fmt().with_writer(io::stderr).with_max_level(level).log_internal_errors(false);
    // Only a second call in one process fails, and the first log serves as well.
    let _ = log.event_format(Line { role, timed }).try_init();
}

/// `2026-01-02T03:04:05.678901Z WARN xenith-store: d5 ring: closed`.
struct Line {
    role: &'static str,
    timed: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        if self.timed {
            SystemTime.format_time(&mut out)?;
            out.write_char(' ')?;
        }
        write!(out, "{} xenith-{}: ", event.metadata().level(), self.role)?;
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}
