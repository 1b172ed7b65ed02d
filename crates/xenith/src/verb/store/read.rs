//! `xenith store read`.

use xen_store::client::Requests;
use xenith_api::latest::Problem;

use super::escape::escape;
use super::place::{self, Place};
use crate::context::{Context, print};

/// Print the values of nodes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store read /local/domain/0/name                one line\n  \
    xenith store read -R /local/domain/3/data/blob > blob  the bytes as they are")]
pub struct Read {
    /// The nodes
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// The bytes as they are, without escapes and without a newline
    #[arg(short = 'R', long)]
    raw: bool,
    #[command(flatten)]
    place: Place,
}

impl Read {
    /// Reads and prints.
    pub fn run(&self, _: &Context) -> Result<(), Problem> {
        let mut store = self.place.connect()?;
        for node in &self.nodes {
            let value = store.read(&place::path(node)?).map_err(|error| place::problem(&error))?;
            if self.raw {
                print(&value)?;
            } else {
                print(format!("{}\n", escape(&value)).as_bytes())?;
            }
        }
        Ok(())
    }
}
