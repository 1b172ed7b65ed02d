//! `xenith pause`.

use xenith_api::latest::Problem;

use crate::complete;
use crate::context::Context;

/// Stop a domain's vcpus; it keeps its memory
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xenith pause web                 by name\n  xenith pause 5                   by domid")]
pub struct Pause {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
}

impl Pause {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.client().pause(&self.name)?;
        context.done(&self.name, "paused")
    }
}
