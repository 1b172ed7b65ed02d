//! `xenith restart`.

use xenith_api::latest::Problem;

use crate::complete;
use crate::context::Context;

/// Destroy a domain, whatever it does, and create it again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith restart web    from its stored config where it has one, or from what it was created from; also ends that it is held\n\n\
    The domain is not asked: `xenith reboot` asks it.")]
pub struct Restart {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
}

impl Restart {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.client().restart(&self.name)?;
        context.done(&self.name, "restarted")
    }
}
