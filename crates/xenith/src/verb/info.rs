//! `xenith info`.

use xenith_api::latest::{Host, Problem};

use super::list::mebibytes;
use crate::context::Context;
use crate::table::{named, printable};

/// Show the host: Xen's release, interface numbers, memory, CPUs, mitigations
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith info\n  \
    xenith info --json | jq .free_memory_kib\n\n\
    The mitigations are what Xen's log of the boot says; `xenith dmesg` shows all of it.")]
pub struct Info;

impl Info {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.answer(&context.client().host()?, text)
    }
}

fn text(host: &Host) -> String {
    let number = |version: Option<u32>| version.map_or_else(|| "unknown".to_owned(), |number| format!("{number:#x}"));
    let release = match (&host.release, &host.stable_only) {
        (_, Some(why)) => format!("stable interface only: {why}"),
        (Some(release), None) => release.clone(),
        (None, None) => "unknown".to_owned(),
    };
    let lines = [
        ("xen version", host.xen_version.clone()),
        ("release", release),
        ("domctl version", number(host.domctl_version)),
        ("sysctl version", number(host.sysctl_version)),
        ("total memory", mebibytes(host.total_memory_kib)),
        ("free memory", mebibytes(host.free_memory_kib)),
        ("claimed memory", mebibytes(host.claimed_memory_kib)),
        ("cpus", host.cpus.to_string()),
        ("threads/core", host.threads_per_core.to_string()),
        ("cores/socket", host.cores_per_socket.to_string()),
        ("numa nodes", host.numa_nodes.to_string()),
        ("cpu speed", format!("{} MHz", host.cpu_khz / 1000)),
        ("capabilities", host.capabilities.join(" ")),
        ("mitigations", mitigations(host)),
    ];
    lines.map(|(name, value)| named(name, &value)).concat()
}

/// The lines one below the other, or why there are none.
fn mitigations(host: &Host) -> String {
    match &host.mitigations_unknown {
        Some(why) => format!("unknown: {}", printable(why)),
        None => host.mitigations.iter().map(|line| printable(line)).collect::<Vec<_>>().join(&format!("\n{:<16}", "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host() {
        let mut host = Host {
            xen_version: "4.20.0".to_owned(),
            release: Some("4.20".to_owned()),
            stable_only: None,
            domctl_version: Some(0x17),
            sysctl_version: None,
            total_memory_kib: 3 << 20,
            free_memory_kib: 1001,
            claimed_memory_kib: 0,
            cpus: 2,
            threads_per_core: 1,
            cores_per_socket: 2,
            numa_nodes: 1,
            cpu_khz: 2_000_123,
            capabilities: vec!["hvm".to_owned(), "hap".to_owned()],
            mitigations: vec!["Hardware hints:".to_owned(), "Xen settings: \u{1b}SPEC_CTRL: No".to_owned()],
            mitigations_unknown: None,
        };
        let expected = "\
xen version     4.20.0
release         4.20
domctl version  0x17
sysctl version  unknown
total memory    3072 MiB
free memory     0.9 MiB
claimed memory  0 MiB
cpus            2
threads/core    1
cores/socket    2
numa nodes      1
cpu speed       2000 MHz
capabilities    hvm hap
mitigations     Hardware hints:
                Xen settings: \\u{1b}SPEC_CTRL: No
";
        assert_eq!(text(&host), expected);
        host.mitigations_unknown = Some("Xen's log tells none".to_owned());
        assert!(text(&host).ends_with("mitigations     unknown: Xen's log tells none\n"));
        host.stable_only = Some("domctl 0x99 is not known".to_owned());
        assert!(text(&host).contains("release         stable interface only: domctl 0x99 is not known\n"));
    }
}
