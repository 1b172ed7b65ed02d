//! `xenith rename`.

use xenith_api::latest::{Problem, RenameRequest};

use crate::complete;
use crate::context::Context;

/// Give a domain another name
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith rename web www    its stored config, where it has one, goes with it; the domain runs on")]
pub struct Rename {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
    /// The new name
    new_name: String,
}

impl Rename {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.client().rename(&self.name, &RenameRequest { name: self.new_name.clone() })?;
        context.done(&self.new_name, "renamed")
    }
}
