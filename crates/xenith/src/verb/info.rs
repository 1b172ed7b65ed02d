//! `xenith info`.

use xenith_api::latest::{Host, Problem};

use super::list::mebibytes;
use crate::context::Context;

/// Show the host: Xen's release, interface numbers, memory, CPUs
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith info\n  \
    xenith info --json | jq .free_memory_kib")]
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
        ("capabilities", host.capabilities.join(" ")),
    ];
    lines.map(|(name, value)| format!("{name:<15} {value}\n")).concat()
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
            capabilities: vec!["hvm".to_owned(), "hap".to_owned()],
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
capabilities    hvm hap
";
        assert_eq!(text(&host), expected);
        host.stable_only = Some("domctl 0x99 is not known".to_owned());
        assert!(text(&host).contains("release         stable interface only: domctl 0x99 is not known\n"));
    }
}
