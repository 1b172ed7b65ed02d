//! `xenith config set`.

use std::path::PathBuf;

use xenith_api::client::Version;
use xenith_api::latest::{Code, Problem};

use crate::context::Context;
use crate::verb::file;

/// Store a config, in place of what is stored for its domain
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith config set web.toml                                whatever is stored now\n  \
    xenith config set web.toml --version '\"6f1ed002ab559585\"'   only in place of this version")]
pub struct Set {
    /// The config, TOML
    file: PathBuf,
    /// Only where this version is stored; `none`: only where none is
    #[arg(long, value_name = "VERSION")]
    version: Option<String>,
}

impl Set {
    /// Reads the file and asks the daemon.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let config = file::read(&self.file)?;
        let client = context.client();
        let stored = match self.version.as_deref() {
            Some("none") => client.store_config(&config.config, Version::None),
            Some(version) => client.store_config(&config.config, Version::Of(version)),
            None => match client.store_config(&config.config, Version::Any) {
                // None is stored yet.
                Err(problem) if problem.code == Code::PreconditionFailed => client.store_config(&config.config, Version::None),
                stored => stored,
            },
        };
        let stored = stored.map_err(|problem| file::located(problem, &config, &self.file))?;
        context.answer(&stored, |one| match one.pending {
            true => format!("{}: stored as {}; counts from its next start on\n", one.config.name, one.etag),
            false => format!("{}: stored as {}\n", one.config.name, one.etag),
        })
    }
}
