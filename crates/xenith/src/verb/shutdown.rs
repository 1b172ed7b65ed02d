//! `xenith shutdown`.

use std::time::Duration;

use xenith_api::latest::{Problem, ShutdownRequest};

use crate::complete;
use crate::context::Context;

/// Ask a domain to shut down
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith shutdown web              ask, and return at once\n  \
    xenith shutdown web --wait 60    return when it is gone; problem timed-out after 60 s")]
pub struct Shutdown {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
    /// Wait so many seconds for it to go away
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

impl Shutdown {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let wait_seconds = self.wait.unwrap_or(0);
        let client = context.patient_client(Duration::from_secs(wait_seconds));
        client.shutdown(&self.name, ShutdownRequest { wait_seconds })?;
        context.done(&self.name, if wait_seconds == 0 { "shutdown-asked" } else { "shutdown" })
    }
}
