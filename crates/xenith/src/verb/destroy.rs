//! `xenith destroy`.

use xenith_api::latest::Problem;

use crate::complete;
use crate::context::Context;

/// Destroy a domain at once, without asking it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  xenith destroy web               as pulling the plug; see `xenith shutdown`")]
pub struct Destroy {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
}

impl Destroy {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.client().destroy(&self.name)?;
        context.done(&self.name, "destroyed")
    }
}
