//! `xenith resize`.

use clap::ArgGroup;
use xenith_api::latest::domain::memory_from_text;
use xenith_api::latest::{Domain, Problem, ResizeRequest};

use super::list::{mebibytes, state};
use crate::complete;
use crate::context::Context;
use crate::table::printable;

/// Change a domain's memory and vcpus while it runs
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("size").required(true).multiple(true), after_help = "Examples:\n  \
    xenith resize web --memory 256MiB              at most what it was started with\n  \
    xenith resize web --vcpus 1 --memory 160MiB    both at once\n\n\
    The domain is asked, and follows in its own time: its kernel needs a balloon driver for memory and vcpu hotplug for vcpus, as Linux has them\n\
    (there a vcpu that comes back waits until udev sets it online).\n\
    What is shown is the domain as it is now; `xenith list` tells how far it is. At its next start it has its config's size again.")]
pub struct Resize {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
    /// The memory that it shall have, like 256MiB
    #[arg(long, group = "size", value_name = "SIZE", value_parser = memory_from_text)]
    memory: Option<u64>,
    /// How many of its vcpus shall be online, from 1 to as many as it was created with
    #[arg(long, group = "size", value_name = "N")]
    vcpus: Option<u32>,
}

impl Resize {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let domain = context.client().resize(&self.name, &ResizeRequest { memory_kib: self.memory, vcpus: self.vcpus })?;
        context.answer(&domain, text)
    }
}

fn text(domain: &Domain) -> String {
    let (name, memory) = (printable(&domain.name), mebibytes(domain.memory_kib));
    format!("{name}: domain {}, {}, asked; it has {memory} and {} vcpus now\n", domain.domid, state(domain.state), domain.vcpus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use xenith_api::latest::DomainState;

    #[test]
    fn the_domain_as_it_is_now() {
        let domain = Domain {
            name: "web".to_owned(),
            domid: 5,
            uuid: uuid::Uuid::from_u128(1),
            state: DomainState::Blocked,
            vcpus: 2,
            memory_kib: 196_656,
            cpu_seconds: 0.5,
            held: false,
            config: None,
        };
        assert_eq!(text(&domain), "web: domain 5, blocked, asked; it has 192.0 MiB and 2 vcpus now\n");
    }
}
