//! `xenith config rm`.

use xenith_api::latest::Problem;

use crate::complete;
use crate::context::Context;

/// Remove a stored config; its domain goes on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith config rm web    whatever is stored now")]
pub struct Rm {
    /// The domain's name
    #[arg(add = complete::configs())]
    name: String,
    /// Only where this version is stored
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
}

impl Rm {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.client().remove_config(&self.name, self.version.as_deref())?;
        context.done(&self.name, "config-removed")
    }
}
