//! `xenith unpause`.

use xenith_api::latest::Problem;

use crate::complete;
use crate::context::Context;

/// Let a paused domain run
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xenith unpause web")]
pub struct Unpause {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
}

impl Unpause {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.client().unpause(&self.name)?;
        context.done(&self.name, "unpaused")
    }
}
