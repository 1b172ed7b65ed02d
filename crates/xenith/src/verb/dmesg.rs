//! `xenith dmesg`.

use xenith_api::latest::Problem;

use crate::context::{self, Context};
use crate::table::printable;

/// Show Xen's own log, as far as its ring goes back
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith dmesg\n  \
    xenith dmesg | grep -i error\n  \
    xenith dmesg --json | jq -r .log\n\n\
    The oldest lines go first once the ring is full; Xen's option conring_size= makes it larger. It takes the role admin: the log may hold addresses.")]
pub struct Dmesg;

impl Dmesg {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let log = context.client().host_log()?;
        let log = String::from_utf8_lossy(&log);
        if context.json {
            return context.answer(&serde_json::json!({ "log": log }), |_| String::new());
        }
        context::print(text(&log).as_bytes())
    }
}

/// Dom0's kernel can write there as well: nothing of it reaches the terminal as a control character.
fn text(log: &str) -> String {
    let line = |line: &str| line.trim_end_matches('\r').split('\t').map(printable).collect::<Vec<_>>().join("\t") + "\n";
    log.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_told_and_not_sent() {
        assert_eq!(text("(XEN) Xen version 4.17.5\r\n(XEN) a\tb \\t \x1b[2J"), "(XEN) Xen version 4.17.5\n(XEN) a\tb \\t \\u{1b}[2J\n");
        assert_eq!(text(""), "");
    }
}
