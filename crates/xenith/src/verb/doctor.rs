//! `xenith doctor`.

use std::process::ExitCode;
use std::time::Duration;

use xenith_api::latest::{Diagnosis, Finding, Problem};

use crate::context::Context;
use crate::table::printable;

/// Tell what was left behind on this host, and clean it up
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith doctor            a line for each thing that was left behind; exit code 0 when there is none\n  \
    xenith doctor --clean    and clean up what can be cleaned up\n  \
    xenith doctor --json | jq -r '.findings[].subject'\n\n\
    It finds domains that do not go (with the processes that may hold their pages), domains whose creator died, store nodes, event channels and\n\
    claims of domains that are not there, and operations that nobody works on. What is under way is no finding.")]
pub struct Doctor {
    /// Clean up what can be cleaned up
    #[arg(long)]
    clean: bool,
}

/// Operations that are finished on the way may take a while.
const PATIENCE: Duration = Duration::from_secs(60);

impl Doctor {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<ExitCode, Problem> {
        let client = context.patient_client(PATIENCE);
        let told = if self.clean { client.clean()? } else { client.doctor()? };
        context.answer(&told, text)?;
        Ok(if told.clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn text(told: &Diagnosis) -> String {
    if told.findings.is_empty() {
        return "nothing was left behind\n".to_owned();
    }
    told.findings.iter().map(finding).collect()
}

fn finding(one: &Finding) -> String {
    let what = match (one.cleaned, one.cleanable) {
        (true, _) => "cleaned up: ",
        (false, true) => "left behind: ",
        (false, false) => "",
    };
    let memory = if one.memory_kib > 0 { format!(" ({} KiB)", one.memory_kib) } else { String::new() };
    let holder = |holder: &xenith_api::latest::Holder| {
        format!("  may be held by pid {} {}, through {}\n", holder.pid, printable(&holder.name), holder.through)
    };
    format!("{what}{}{memory}\n", printable(&one.detail)) + &one.holders.iter().map(holder).collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told() {
        let told = |findings: &str| text(&serde_json::from_str(&format!(r#"{{"clean":false,"findings":[{findings}]}}"#)).unwrap());
        assert_eq!(told(""), "nothing was left behind\n");
        let zombie = r#"{"kind":"dying-domain","subject":"d5","detail":"d5 does not go","memory_kib":8,"cleanable":false,
            "holders":[{"pid":812,"name":"qemu","through":"/dev/xen/gntdev"}]}"#;
        assert_eq!(told(zombie), "d5 does not go (8 KiB)\n  may be held by pid 812 qemu, through /dev/xen/gntdev\n");
        let nodes = r#"{"kind":"leftover-nodes","subject":"d9","detail":"d9 is not there","cleanable":true}"#;
        assert_eq!(told(nodes), "left behind: d9 is not there\n");
        assert_eq!(told(&nodes.replace("true", "true,\"cleaned\":true")), "cleaned up: d9 is not there\n");
    }
}
