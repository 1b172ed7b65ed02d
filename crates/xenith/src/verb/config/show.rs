//! `xenith config show`.

use xenith_api::latest::{Problem, StoredConfig};

use crate::complete;
use crate::context::Context;

/// Show a stored config, and where what runs differs from it
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith config show web           the config as JSON; lines that begin with # tell where what runs differs\n  \
    xenith config show web --json    one object: config, etag, domid, pending, differences")]
pub struct Show {
    /// The domain's name
    #[arg(add = complete::configs())]
    name: String,
}

impl Show {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        context.answer(&context.client().config(&self.name)?, text)
    }
}

fn text(one: &StoredConfig) -> String {
    let differences: String = one.differences.iter().map(|difference| format!("# from the next start on: {difference}\n")).collect();
    serde_json::to_string_pretty(&one.config).unwrap_or_default() + "\n" + &differences
}
