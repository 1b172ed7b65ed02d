//! `xenith store COMMAND`: the store as an administrator or a script sees it. One file per command.
//!
//! ```text
//!   words --command--> Place (which store) --> xen_store::client --> text as the xenstore-* tools print it, or JSON
//! ```

use std::process::ExitCode;

use clap::Subcommand;
use xenith_api::latest::Problem;

use crate::context::Context;

mod control;
mod escape;
mod exists;
mod figures;
mod handback;
mod list;
mod ls;
mod metrics;
mod mkdir;
mod perms;
mod place;
mod read;
mod rm;
mod successor;
mod takeover;
pub(in crate::verb) mod top;
mod value;
mod watch;
mod write;

/// What can be done with a store that runs.
#[derive(Debug, Subcommand)]
pub enum Word {
    Ls(ls::Ls),
    List(list::List),
    Read(read::Read),
    Exists(exists::Exists),
    Write(write::Write),
    Mkdir(mkdir::Mkdir),
    Rm(rm::Rm),
    Perms(perms::Perms),
    Watch(watch::Watch),
    Top(top::Top),
    Metrics(metrics::Metrics),
    Control(control::Control),
    Takeover(takeover::Takeover),
    Handback(handback::Handback),
}

impl Word {
    /// Does what the word says.
    pub fn run(&self, context: &Context) -> Result<ExitCode, Problem> {
        let done = match self {
            Word::Ls(word) => word.run(context),
            Word::List(word) => word.run(context),
            Word::Read(word) => word.run(context),
            Word::Exists(word) => return word.run(context),
            Word::Write(word) => word.run(context),
            Word::Mkdir(word) => word.run(context),
            Word::Rm(word) => word.run(context),
            Word::Perms(word) => word.run(context),
            Word::Watch(word) => word.run(context),
            Word::Top(word) => word.run(context),
            Word::Metrics(word) => word.run(context),
            Word::Control(word) => word.run(context),
            Word::Takeover(word) => word.run(context),
            Word::Handback(word) => word.run(context),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}
