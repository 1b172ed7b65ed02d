//! `xenith show`.

use xenith_api::latest::{Domain, Problem};

use super::list::{mebibytes, state};
use crate::complete;
use crate::context::Context;
use crate::table::{named, printable};

/// Show one domain: what it is doing, and what it was created from
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith show web                            what it is doing, then its config as JSON\n  \
    xenith show 5 --json | jq .config.on       by domid; uuids do as well\n\n\
    The config of a domain that xl made is what libxl's record says of it, as far as it can be said here.")]
pub struct Show {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
}

impl Show {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.answer(&context.client().domain(&self.name)?, text)
    }
}

fn text(domain: &Domain) -> String {
    let held = if domain.held { ", held: it stays so until somebody restarts or destroys it" } else { "" };
    let lines = [
        ("name", printable(&domain.name)),
        ("domid", domain.domid.to_string()),
        ("uuid", domain.uuid.to_string()),
        ("state", format!("{}{held}", state(domain.state))),
        ("vcpus online", domain.vcpus.to_string()),
        ("memory", mebibytes(domain.memory_kib)),
        ("cpu time", format!("{:.1} s", domain.cpu_seconds)),
    ];
    let config = match &domain.config {
        Some(config) => serde_json::to_string_pretty(config).unwrap_or_default(),
        None => "unknown: others made it".to_owned(),
    };
    // A name in there may hold what a terminal would obey; JSON has escaped it.
    lines.map(|(name, value)| named(name, &value)).concat() + "config\n" + &config + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::DomainState;

    #[test]
    fn a_domain() {
        let mut domain = Domain {
            name: "we\u{1b}b".to_owned(),
            domid: 12,
            uuid: uuid::Uuid::nil(),
            state: DomainState::Crashed,
            vcpus: 2,
            memory_kib: 65532,
            cpu_seconds: 1.25,
            held: true,
            config: None,
        };
        let expected = "\
name            we\\u{1b}b
domid           12
uuid            00000000-0000-0000-0000-000000000000
state           crashed, held: it stays so until somebody restarts or destroys it
vcpus online    2
memory          63.9 MiB
cpu time        1.2 s
config
unknown: others made it
";
        assert_eq!(text(&domain), expected);
        domain.config = serde_json::from_str(r#"{"name":"web","memory":"64MiB","boot":{"kernel":"/k"}}"#).ok();
        assert!(text(&domain).contains("config\n{\n  \"name\": \"web\",\n"), "{}", text(&domain));
    }
}
