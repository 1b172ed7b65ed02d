//! `xenith list`.

use xenith_api::latest::{Domain, DomainState, Problem};

use crate::context::Context;
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
        context.answer(&context.client().list()?, |domains| table(domains))
    }
}

fn table(domains: &[Domain]) -> String {
    let row = |domain: &Domain| {
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
        let domain = |name: &str, domid, state, kib, cpu_seconds| Domain {
            name: name.to_owned(),
            domid,
            uuid: uuid::Uuid::nil(),
            state,
            vcpus: 2,
            memory_kib: kib,
            cpu_seconds,
            held: kib == 65532,
            config: None,
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
