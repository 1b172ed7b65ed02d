//! `xenith store rm`.

use xen_store::client::{ClientError, Request, Requests};
use xen_store::path::StorePath;
use xen_store::wire::XsError;
use xenith_api::latest::Problem;

use super::place::{self, Place};
use crate::context::Context;

/// Remove nodes and everything below them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store rm /local/domain/3/data\n  \
    xenith store rm -t /local/domain/0/backend/vbd/3/51712   and what is left empty above it\n\n\
    All of them are removed, or none.")]
pub struct Rm {
    /// The nodes
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// Then the nodes above as well, as long as they hold nothing
    #[arg(short, long)]
    tidy: bool,
    /// A node that is not there is no problem
    #[arg(short, long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

impl Rm {
    /// Removes.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let paths = place::paths(&self.nodes)?;
        let mut store = self.place.connect()?;
        let removed = store.transaction(|tx| paths.iter().try_for_each(|path| self.remove(tx, path)));
        removed.map_err(|error| place::problem(&error))?;
        context.done(&self.nodes.join(" "), "removed")
    }

    fn remove(&self, tx: &mut impl Requests, path: &StorePath) -> Result<(), ClientError> {
        match tx.call(&Request::rm(path)) {
            Err(error) if self.force && error.refusal() == Some(XsError::NoEntry) => {}
            other => _ = other?,
        }
        let mut above = path.parent();
        while self.tidy && !above.is_root() && is_empty(tx, &above)? {
            tx.call(&Request::rm(&above))?;
            above = above.parent();
        }
        Ok(())
    }
}

/// No value and nothing below, or not to be seen.
fn is_empty(tx: &mut impl Requests, path: &StorePath) -> Result<bool, ClientError> {
    Ok(tx.read_text(path)?.is_some_and(|value| value.is_empty()) && tx.directory(path)?.is_empty())
}
