//! `xenith store mkdir`.

use xen_store::client::Request;
use xenith_api::latest::Problem;

use super::place::{self, Place};
use crate::context::Context;

/// Make empty nodes where there are none
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store mkdir /local/domain/3/data      a node that is there keeps its value")]
pub struct Mkdir {
    /// The nodes
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Mkdir {
    /// Makes all of them, or none.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let requests: Vec<Request> = place::paths(&self.nodes)?.iter().map(Request::mkdir).collect();
        self.place.connect()?.commit(&requests).map_err(|error| place::problem(&error))?;
        context.done(&self.nodes.join(" "), "made")
    }
}
