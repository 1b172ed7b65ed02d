//! `xenith check`: what the host lacks, and who is in the way.
//!
//! ```text
//!   Facts::gather (reads /proc, /sys, /dev, asks Xen) --> findings (pure) --> text or JSON; exit code 1 where something is missing
//! ```

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;
use xen_sys::probe::{self, Node, NodeState};
use xenith_api::latest::Problem;

use crate::context::Context;
use crate::role::lock;
use crate::role::stock::{self, Daemon};

mod hypervisor;

use hypervisor::Hypervisor;

/// Tell what this host lacks to run Xenith, and what is in the way
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith check                     a line for each thing looked at; exit code 1 when something is missing\n  \
    xenith check --json | jq '.[] | select(.state != \"ok\")'\n\n\
    It changes nothing. Modules and file systems are the init system's to load and mount; packaging/ holds a systemd unit that does.")]
pub struct Check;

impl Check {
    /// Looks and tells.
    pub fn run(&self, context: &Context) -> Result<ExitCode, Problem> {
        let findings = findings(&Facts::gather(context));
        context.answer(&findings, |findings| text(findings))?;
        let missing = findings.iter().any(|finding| finding.state == State::Missing);
        Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Where every program of dom0 looks for the store.
const STORE_SOCKET: &str = "/run/xenstored/socket";

/// What was seen of the host.
struct Facts {
    host: probe::Host,
    root: bool,
    gntalloc: bool,
    hypervisor: Hypervisor,
    daemons: Vec<Daemon>,
    /// Whether somebody answers on the store's socket who is neither ours nor known.
    stranger: bool,
}

impl Facts {
    fn gather(context: &Context) -> Facts {
        let daemons = stock::daemons(Path::new("/proc"));
        let known = daemons.iter().any(|daemon| daemon.rival == "store") || lock::holder(&context.run_dir, "store").is_some();
        Facts {
            host: probe::probe(),
            root: rustix::process::geteuid().is_root(),
            gntalloc: Path::new("/dev/xen/gntalloc").exists(),
            hypervisor: Hypervisor::ask(),
            stranger: !known && UnixStream::connect(STORE_SOCKET).is_ok(),
            daemons,
        }
    }
}

/// One thing looked at.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Finding {
    /// What was looked at.
    name: String,
    state: State,
    /// What is wrong; empty where nothing is.
    detail: String,
    /// What to do; empty where nothing is to be done.
    advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    /// Xenith runs, but not as well, or not everything.
    Warning,
    /// Xenith does not run.
    Missing,
}

fn finding(name: impl Into<String>, state: State, detail: impl Into<String>, advice: impl Into<String>) -> Finding {
    Finding { name: name.into(), state, detail: detail.into(), advice: advice.into() }
}

fn ok(name: impl Into<String>) -> Finding {
    finding(name, State::Ok, "", "")
}

fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = vec![xen(&facts.host), control_domain(&facts.host), root(facts.root)];
    all.extend(facts.host.nodes.iter().map(node));
    all.push(gntalloc(facts.gntalloc));
    all.extend(facts.hypervisor.findings());
    all.extend(daemons(&facts.daemons));
    all.extend(facts.stranger.then(stranger));
    all
}

fn xen(host: &probe::Host) -> Finding {
    match host.hypervisor.as_deref() {
        Some("xen") => ok("hypervisor"),
        Some(other) => finding("hypervisor", State::Missing, format!("this machine runs under {other}, not Xen"), "boot it with Xen"),
        None => finding("hypervisor", State::Missing, "no hypervisor is present", "boot this machine with Xen, then look again"),
    }
}

fn control_domain(host: &probe::Host) -> Finding {
    let name = "control domain";
    match host.control_domain {
        Some(true) => ok(name),
        Some(false) => finding(name, State::Missing, "this is an unprivileged domain", "run Xenith in dom0"),
        None => finding(name, State::Missing, "/proc/xen is not mounted", "modprobe xenfs && mount -t xenfs xenfs /proc/xen"),
    }
}

fn root(root: bool) -> Finding {
    if root { ok("root") } else { finding("root", State::Warning, "not run as root: nodes may look refused", "run it as root") }
}

fn node(node: &Node) -> Finding {
    let worst = if node.optional { State::Warning } else { State::Missing };
    let module = node.from.starts_with("xen-");
    match &node.state {
        NodeState::Ready => ok(node.path),
        NodeState::Missing if module => finding(node.path, worst, "is not there", format!("modprobe {}", node.from)),
        NodeState::Missing => finding(node.path, worst, "is not there", format!("it comes from {}", node.from)),
        NodeState::Refused(why) => finding(node.path, worst, format!("cannot be opened: {why}"), "run as root in dom0"),
    }
}

/// No role opens it; programs in dom0 that share pages with domains (vchan) do.
fn gntalloc(there: bool) -> Finding {
    let path = "/dev/xen/gntalloc";
    if there { ok(path) } else { finding(path, State::Warning, "is not there; only vchan programs miss it", "modprobe xen-gntalloc") }
}

fn daemons(daemons: &[Daemon]) -> Vec<Finding> {
    if daemons.is_empty() {
        return vec![ok("no stock daemon runs")];
    }
    let tell = |daemon: &Daemon| {
        let detail = format!("pid {} is in the way of `xenith {}`", daemon.pid, daemon.rival);
        finding(&daemon.comm, State::Missing, detail, daemon.advice())
    };
    daemons.iter().map(tell).collect()
}

fn stranger() -> Finding {
    let detail = "somebody answers there who is no store that we know";
    finding(STORE_SOCKET, State::Missing, detail, "stop whoever it is (ss -xlp names it): one host has one store")
}

fn text(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let state = match finding.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Missing => "missing",
        };
        let told = [&finding.detail, &finding.advice].map(String::as_str);
        let told = told.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
        format!("{state:<8} {}{}{told}\n", finding.name, if told.is_empty() { "" } else { ": " })
    };
    findings.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &'static str, from: &'static str, optional: bool, state: NodeState) -> Node {
        Node { path, from, optional, state }
    }

    #[test]
    fn a_host_that_lacks_things() {
        let nodes = vec![
            node("/dev/xen/privcmd", "xen-privcmd", false, NodeState::Ready),
            node("/dev/xen/hypercall", "xen-privcmd", true, NodeState::Missing),
            node("/dev/xen/gntdev", "xen-gntdev", false, NodeState::Missing),
            node("/dev/xen/evtchn", "xen-evtchn", false, NodeState::Refused("permission denied".to_owned())),
            node("/proc/xen/xsd_kva", "xenfs mounted on /proc/xen", false, NodeState::Missing),
        ];
        let host = probe::Host { hypervisor: Some("xen".to_owned()), control_domain: None, nodes };
        let hypervisor = Hypervisor::Known { release: "4.17".to_owned(), hvm: true, hap: false };
        let daemons = vec![Daemon { comm: "xenstored".to_owned(), pid: 77, rival: "store" }];
        let all = findings(&Facts { host, root: false, gntalloc: true, hypervisor, daemons, stranger: true });
        let expected = "\
ok       hypervisor
missing  control domain: /proc/xen is not mounted; modprobe xenfs && mount -t xenfs xenfs /proc/xen
warning  root: not run as root: nodes may look refused; run it as root
ok       /dev/xen/privcmd
warning  /dev/xen/hypercall: is not there; modprobe xen-privcmd
missing  /dev/xen/gntdev: is not there; modprobe xen-gntdev
missing  /dev/xen/evtchn: cannot be opened: permission denied; run as root in dom0
missing  /proc/xen/xsd_kva: is not there; it comes from xenfs mounted on /proc/xen
ok       /dev/xen/gntalloc
ok       xen release 4.17
ok       hvm
missing  hap: no hardware-assisted paging; use a machine with EPT or NPT; under QEMU add +npt to -cpu
missing  xenstored: pid 77 is in the way of `xenith store`; stop and disable the service that starts xenstored, and reboot if domains run
missing  /run/xenstored/socket: somebody answers there who is no store that we know; stop whoever it is (ss -xlp names it): one host has one store
";
        assert_eq!(text(&all), expected);
    }

    #[test]
    fn no_xen_and_not_dom0() {
        let host = |hypervisor: Option<&str>, control_domain| probe::Host {
            hypervisor: hypervisor.map(str::to_owned),
            control_domain,
            nodes: Vec::new(),
        };
        let silent = || Hypervisor::Silent("cannot open /dev/xen/privcmd".to_owned());
        let facts = |host| Facts { host, root: true, gntalloc: false, hypervisor: silent(), daemons: Vec::new(), stranger: false };
        let states = |host| findings(&facts(host)).into_iter().map(|f| f.state);
        let expected = |xen, dom0| [xen, dom0, State::Ok, State::Warning, State::Missing, State::Ok];
        assert!(states(host(None, None)).eq(expected(State::Missing, State::Missing)));
        assert!(states(host(Some("kvm"), None)).eq(expected(State::Missing, State::Missing)));
        assert!(states(host(Some("xen"), Some(false))).eq(expected(State::Ok, State::Missing)));
        assert!(states(host(Some("xen"), Some(true))).eq(expected(State::Ok, State::Ok)));
    }
}
