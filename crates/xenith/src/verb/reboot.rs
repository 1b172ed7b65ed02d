//! `xenith reboot`.

use xenith_api::latest::Problem;

use crate::complete;
use crate::context::Context;

/// Ask a domain to reboot
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith reboot web    ask, and return at once; what follows is what its config says under [on] reboot")]
pub struct Reboot {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
}

impl Reboot {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.client().reboot(&self.name)?;
        context.done(&self.name, "reboot-asked")
    }
}
