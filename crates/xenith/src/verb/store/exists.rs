//! `xenith store exists`.

use std::process::ExitCode;

use xen_store::client::Requests;
use xen_store::wire::XsError;
use xenith_api::latest::Problem;

use super::place::{self, Place};
use crate::context::Context;

/// Tell by the exit code whether nodes are there
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store exists /local/domain/3 && echo yes\n\n\
    Exit codes: 0 all are there and may be read, 1 one is not, or the store could not be asked (one line on stderr).")]
pub struct Exists {
    /// The nodes
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Exists {
    /// Reads each.
    pub fn run(&self, context: &Context) -> Result<ExitCode, Problem> {
        let mut store = self.place.connect()?;
        let mut all = true;
        for path in place::paths(&self.nodes)? {
            match store.read(&path) {
                Ok(_) => {}
                Err(error) if matches!(error.refusal(), Some(XsError::NoEntry | XsError::Access)) => all = false,
                Err(error) => return Err(place::problem(&error)),
            }
        }
        context.answer(&all, |_| String::new())?;
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
