//! Figures for a monitoring system, as OpenMetrics text (the specification of 1.0, "Text format").

use std::fmt::{Display, Write as _};

use xenith_api::latest::{Domain, DomainState, Host, OperationState, Problem};

use super::Control;

/// Everything that is told.
struct Figures {
    version: &'static str,
    host: Host,
    domains: Vec<Domain>,
    operations: Vec<OperationState>,
    events: u64,
    configs: usize,
}

impl Control {
    /// Host, domains, operations and events as OpenMetrics text.
    pub fn metrics(&self) -> Result<String, Problem> {
        let figures = Figures {
            version: env!("CARGO_PKG_VERSION"),
            host: self.host()?,
            domains: self.list()?,
            operations: self.operations.list().iter().map(|op| op.told().state).collect(),
            events: *self.events.last().borrow(),
            configs: self.configs.all().len(),
        };
        Ok(text(&figures))
    }
}

const STATES: [(DomainState, &str); 6] = [
    (DomainState::Running, "running"),
    (DomainState::Blocked, "blocked"),
    (DomainState::Paused, "paused"),
    (DomainState::Shutdown, "shutdown"),
    (DomainState::Crashed, "crashed"),
    (DomainState::Dying, "dying"),
];

const OPERATIONS: [(OperationState, &str); 4] = [
    (OperationState::Running, "running"),
    (OperationState::Succeeded, "succeeded"),
    (OperationState::Failed, "failed"),
    (OperationState::Cancelled, "cancelled"),
];

/// Text that grows by a family at a time.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Series of one name: labels and value each.
    fn family(&mut self, name: &str, kind: &str, help: &str, series: impl IntoIterator<Item = (String, String)>) {
        let suffix = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        // Writing into a string does not fail.
        let _ = writeln!(self.0, "# TYPE xenith_{name} {kind}\n# HELP xenith_{name} {help}");
        for (labels, value) in series {
            let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
            let _ = writeln!(self.0, "xenith_{name}{suffix}{labels} {value}");
        }
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help, [(String::new(), value.to_string())]);
    }

    fn each(&mut self, name: &str, kind: &str, help: &str, domains: &[Domain], value: impl Fn(&Domain) -> String) {
        let labels = |one: &Domain| format!("name=\"{}\",domid=\"{}\",uuid=\"{}\"", escaped(&one.name), one.domid, one.uuid);
        self.family(name, kind, help, domains.iter().map(|one| (labels(one), value(one))));
    }
}

fn text(figures: &Figures) -> String {
    let mut page = Page::default();
    let Figures { version, host, domains, operations, events, configs } = figures;
    let labels = format!("version=\"{version}\",xen=\"{}\"", escaped(&host.xen_version));
    page.family("build", "info", "Versions of the daemon and of Xen.", [(labels, "1".to_owned())]);
    page.one("host_cpus", "gauge", "Physical CPUs that Xen runs on.", host.cpus);
    let kib = |kib: u64| kib.saturating_mul(1024);
    page.one("host_memory_bytes", "gauge", "All memory of the host.", kib(host.total_memory_kib));
    page.one("host_memory_free_bytes", "gauge", "Memory that no domain holds.", kib(host.free_memory_kib));
    page.one("host_memory_claimed_bytes", "gauge", "Memory that claims hold.", kib(host.claimed_memory_kib));
    let states =
        STATES.map(|(state, word)| (format!("state=\"{word}\""), domains.iter().filter(|one| one.state == state).count().to_string()));
    page.family("domains", "gauge", "Domains by state, dom0 included.", states);
    page.each("domain_cpu_seconds", "counter", "Time that its vcpus ran.", domains, |one| one.cpu_seconds.to_string());
    page.each("domain_memory_bytes", "gauge", "Memory that it holds.", domains, |one| kib(one.memory_kib).to_string());
    page.each("domain_vcpus", "gauge", "Vcpus online.", domains, |one| one.vcpus.to_string());
    let states =
        OPERATIONS.map(|(state, word)| (format!("state=\"{word}\""), operations.iter().filter(|one| **one == state).count().to_string()));
    page.family("operations", "gauge", "Operations under way, and of the last 256 that ended.", states);
    page.one("events", "counter", "Events told since the log was begun.", events);
    page.one("stored_configs", "gauge", "Stored configs.", configs);
    page.0 + "# EOF\n"
}

/// A label's value: backslash, quote and newline escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
