//! `xenith start`.

use std::time::Duration;

use xenith_api::latest::{Problem, StartRequest};

use super::create;
use crate::complete;
use crate::context::Context;

/// Create the domain of a stored config
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith start web             create it as it is stored, and let it run\n  \
    xenith start web --paused    and leave it paused\n  \
    xenith config set web.toml   stores a config")]
pub struct Start {
    /// The name of a stored config
    #[arg(add = complete::configs())]
    name: String,
    /// Leave it paused before its first instruction
    #[arg(long)]
    paused: bool,
}

/// As long as a create may take.
const PATIENCE: Duration = Duration::from_secs(600);

impl Start {
    /// Asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let client = context.patient_client(PATIENCE);
        let answer = create::with_progress(context, &self.name, || client.start(&self.name, StartRequest { paused: self.paused }))?;
        context.answer(&answer, create::text)
    }
}
