//! `xenith config`: what domains shall be from their next start on.

mod list;
mod rm;
mod set;
mod show;

use xenith_api::latest::Problem;

use crate::context::Context;

/// Look at and change stored configs: what domains shall be from their next start on
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith config list            which are stored, and which count from the next start on\n  \
    xenith config set web.toml    stores it, in place of what is stored for web\n  \
    xenith config show web        as JSON, with where what runs differs\n  \
    xenith config rm web          its domain goes on")]
pub struct Config {
    #[command(subcommand)]
    word: Word,
}

#[derive(Debug, clap::Subcommand)]
enum Word {
    List(list::List),
    Show(show::Show),
    Set(set::Set),
    Rm(rm::Rm),
}

impl Config {
    /// Does what the word says.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        match &self.word {
            Word::List(word) => word.run(context),
            Word::Show(word) => word.run(context),
            Word::Set(word) => word.run(context),
            Word::Rm(word) => word.run(context),
        }
    }
}
