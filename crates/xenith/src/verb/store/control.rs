//! `xenith store control`.

use xen_store::client::{Request, Requests};
use xenith_api::latest::Problem;

use super::place::{self, Place};
use crate::context::Context;

/// Give the store a command of its own, as xenstore-control does
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store control help            what this store can do\n  \
    xenith store control check           count everything again\n  \
    xenith store control quota 3         what domain 3 uses")]
pub struct Control {
    /// The command and its arguments
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl Control {
    /// Sends it and prints the answer.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let answer = self.place.connect()?.call(&Request::control(&words)).map_err(|error| place::problem(&error))?;
        let text = String::from_utf8_lossy(&answer).trim_end_matches(['\0', '\n']).to_owned();
        context.answer(&text, |text| format!("{text}\n"))
    }
}
