//! `xenith store COMMAND`: the store as an administrator or a script sees it. One file per command.
//!
//! ```text
//!   words --command--> Place (which store) --> xen_store::client --> text as the xenstore-* tools print it, or JSON
//! ```

use std::process::ExitCode;

use clap::Subcommand;
use xenith_api::latest::Problem;

use crate::context::Context;

mod escape;
mod place;
mod read;
mod write;

/// What can be done with a store that runs.
#[derive(Debug, Subcommand)]
pub enum Word {
    Read(read::Read),
    Write(write::Write),
}

impl Word {
    /// Does what the word says.
    pub fn run(&self, context: &Context) -> Result<ExitCode, Problem> {
        let done = match self {
            Word::Read(word) => word.run(context),
            Word::Write(word) => word.run(context),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}
