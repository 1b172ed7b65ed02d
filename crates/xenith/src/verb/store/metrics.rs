//! `xenith store metrics`: the figures as OpenMetrics text (the specification of 1.0, "Text format").

use std::fmt::Write as _;

use xenith_api::latest::Problem;

use super::figures::{self, Figures};
use super::place::Place;
use crate::context::Context;

/// Print the store's figures for a monitoring system, as OpenMetrics text
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store metrics\n  \
    xenith store metrics > /var/lib/node_exporter/xenith.prom.new && mv /var/lib/node_exporter/xenith.prom.new /var/lib/node_exporter/xenith.prom\n\n\
    Label client: tools (all sockets together) or d and a domid; a domain's series end with it. Counters begin anew when the store starts.")]
pub struct Metrics {
    #[command(flatten)]
    place: Place,
}

/// A family of series.
struct Family {
    /// In the report.
    key: &'static str,
    /// Behind `xenith_store_`.
    name: &'static str,
    counter: bool,
    /// A number of the store as a whole, not of a client.
    whole: bool,
    help: &'static str,
}

const fn counter(key: &'static str, help: &'static str) -> Family {
    Family { key, name: key, counter: true, whole: false, help }
}

const fn gauge(key: &'static str, name: &'static str, help: &'static str) -> Family {
    Family { key, name, counter: false, whole: false, help }
}

const fn whole(key: &'static str, counter: bool, help: &'static str) -> Family {
    Family { key, name: key, counter, whole: true, help }
}

const FAMILIES: &[Family] = &[
    whole("domains", false, "Domains that the store knows."),
    whole("clients", false, "Connections, sockets and rings."),
    whole("changes", true, "Changes of the tree."),
    counter("requests", "Requests served."),
    counter("errors", "Requests that were answered with an error."),
    counter("commits", "Transactions committed."),
    counter("conflicts", "Commits refused because something else had changed."),
    counter("events", "Watch events made."),
    counter("dropped", "Watch events dropped because they were not read."),
    gauge("nodes", "nodes", "Nodes owned."),
    gauge("watches", "watches", "Watches that stand."),
    gauge("transactions", "transactions", "Transactions that are open."),
    gauge("outstanding", "outstanding", "Answers and events that were not read yet."),
    gauge("memory", "memory_bytes", "Bytes of nodes, watches, transactions, and of what was not read yet."),
    gauge("broken", "broken", "1 where the client broke the protocol and is not listened to."),
];

impl Metrics {
    /// Asks once and prints.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let all = figures::ask(&mut self.place.connect()?).map_err(|error| figures::problem(&error))?;
        context.answer(&all, |all| text(all))
    }
}

fn text(all: &[Figures]) -> String {
    let mut text = String::new();
    for Family { key, name, counter, whole, help } in FAMILIES {
        let (kind, suffix) = if *counter { ("counter", "_total") } else { ("gauge", "") };
        let _ = writeln!(text, "# TYPE xenith_store_{name} {kind}\n# HELP xenith_store_{name} {help}");
        for one in all.iter().filter(|one| (one.client == "store") == *whole) {
            let Some(value) = one.values.get(*key) else { continue };
            let _ = writeln!(text, "xenith_store_{name}{suffix}{} {value}", if *whole { String::new() } else { labels(one) });
        }
    }
    text + "# EOF\n"
}

fn labels(one: &Figures) -> String {
    let name = one.name.as_ref().map(|name| format!(",name=\"{}\"", escaped(name)));
    format!("{{client=\"{}\"{}}}", escaped(&one.client), name.unwrap_or_default())
}

/// A label's value: backslash, quote and newline escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics() {
        let one = |client: &str, name: Option<&str>, values: &[(&str, u64)]| Figures {
            client: client.to_owned(),
            name: name.map(str::to_owned),
            values: values.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect(),
        };
        let told = text(&[
            one("store", None, &[("domains", 2), ("requests", 9)]),
            one("tools", None, &[("requests", 5)]),
            one("d5", Some("we\"b\n"), &[("requests", 4), ("memory", 70)]),
        ]);
        for lines in [
            "# TYPE xenith_store_domains gauge\n# HELP xenith_store_domains Domains that the store knows.\nxenith_store_domains 2\n",
            "xenith_store_requests_total{client=\"tools\"} 5\nxenith_store_requests_total{client=\"d5\",name=\"we\\\"b\\n\"} 4\n# TYPE",
            "xenith_store_memory_bytes{client=\"d5\",name=\"we\\\"b\\n\"} 70\n",
        ] {
            assert!(told.contains(lines), "{told}");
        }
        assert!(told.ends_with("# EOF\n") && !told.contains("requests_total 9"), "the whole is the sum, and not told twice: {told}");
    }
}
