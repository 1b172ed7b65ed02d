//! `xenith adopt`.

use std::time::Duration;

use xenith_api::latest::Problem;

use super::list::state;
use crate::complete;
use crate::context::Context;

/// Make a domain that stock xl created ours, and end the process that looks after it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith adopt web    what its config says of a stop is done by us from now on; the domain goes on\n\n\
    A domain that nobody looks after any more is adopted without being asked. One with disks, networks or another type than pvh cannot be ours\n\
    yet: it is listed, paused, shut down and destroyed all the same.")]
pub struct Adopt {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
}

/// A monitor is given time to end.
const PATIENCE: Duration = Duration::from_secs(15);

impl Adopt {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let domain = context.patient_client(PATIENCE).adopt(&self.name)?;
        context.answer(&domain, |domain| format!("{}: domain {}, {}, ours\n", domain.name, domain.domid, state(domain.state)))
    }
}
