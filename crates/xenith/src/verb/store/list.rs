//! `xenith store list`.

use serde::Serialize;
use xen_store::client::Requests;
use xenith_api::latest::Problem;

use super::place::{self, Place};
use crate::context::Context;

/// Print the names of the nodes below nodes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store list /local/domain              a domid on each line\n  \
    xenith store list -p /local/domain/0/backend  with the node in front\n\n\
    Output is that of xenstore-list.")]
pub struct List {
    /// The nodes
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// The node and a slash in front of each name
    #[arg(short, long)]
    prefix: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Listing {
    path: String,
    children: Vec<String>,
}

impl List {
    /// Lists all of them as they were at one moment.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let paths = place::paths(&self.nodes)?;
        let mut store = self.place.connect()?;
        let listings = store.transaction(|tx| {
            let list = |path| Ok(Listing { path: String::from(AsRef::<str>::as_ref(path)), children: tx.children(path)? });
            paths.iter().map(list).collect::<Result<Vec<_>, _>>()
        });
        context.answer(&listings.map_err(|error| place::problem(&error))?, |listings| self.text(listings))
    }

    fn text(&self, listings: &[Listing]) -> String {
        let lines = listings.iter().flat_map(|listing| {
            let prefix = if self.prefix { format!("{}/", listing.path) } else { String::new() };
            listing.children.iter().map(move |child| format!("{prefix}{child}\n"))
        });
        lines.collect()
    }
}
