//! `xenith list`.

use serde::Deserialize;
use xenith_api::latest::{DomainState, Problem};

use crate::context::{self, Context};
use crate::table::{self, printable};

/// List the domains, dom0 included
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith list                                   a table\n  \
    xenith list --json | jq -r '.[].name'         an array of objects: name, domid, uuid, state, vcpus, memory_kib, cpu_seconds")]
pub struct List;

impl List {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let client = context.client();
        if context.json {
            return context::print(&context::json_line(&client.list()?)?);
        }
        context::print(table(&client.list_of()?).as_bytes())
    }
}

/// What the table shows of a domain.
#[derive(Deserialize)]
struct Shown {
    name: String,
    domid: u16,
    state: DomainState,
    vcpus: u32,
    memory_kib: u64,
    cpu_seconds: f64,
    #[serde(default)]
    held: bool,
}

fn table(domains: &[Shown]) -> String {
    let row = |domain: &Shown| {
        [
            printable(&domain.name),
            domain.domid.to_string(),
            if domain.held { "held" } else { state(domain.state) }.to_owned(),
            domain.vcpus.to_string(),
            mebibytes(domain.memory_kib),
            format!("{:.1} s", domain.cpu_seconds),
        ]
    };
    table::text(["NAME", "DOMID", "STATE", "VCPUS", "MEMORY", "CPU"], domains.iter().map(row), &[1, 3, 4, 5])
}

/// The state as it stands in JSON.
pub fn state(state: DomainState) -> &'static str {
    match state {
        DomainState::Running => "running",
        DomainState::Blocked => "blocked",
        DomainState::Paused => "paused",
        DomainState::Shutdown => "shutdown",
        DomainState::Crashed => "crashed",
        DomainState::Dying => "dying",
    }
}

/// Memory as a person reads it.
pub fn mebibytes(kib: u64) -> String {
    let (whole, tenths) = (kib / 1024, kib % 1024 * 10 / 1024);
    if kib.is_multiple_of(1024) { format!("{whole} MiB") } else { format!("{whole}.{tenths} MiB") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table() {
        let domain = |name: &str, domid, state, kib, cpu_seconds| Shown {
            name: name.to_owned(),
            domid,
            state,
            vcpus: 2,
            memory_kib: kib,
            cpu_seconds,
            held: kib == 65532,
        };
        let domains =
            [domain("Domain-0", 0, DomainState::Running, 1536 << 10, 1234.56), domain("we\u{1b}b", 12, DomainState::Blocked, 65532, 0.0)];
        let expected = "\
NAME       DOMID  STATE    VCPUS    MEMORY       CPU
Domain-0       0  running      2  1536 MiB  1234.6 s
we\\u{1b}b     12  held         2  63.9 MiB     0.0 s
";
        assert_eq!(super::table(&domains), expected);
    }
}
