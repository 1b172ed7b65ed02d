//! `xenith store write`.

use std::io::Read as _;

use xen_store::client::Request;
use xen_store::wire::PAYLOAD_MAX;
use xenith_api::latest::{Code, Problem};

use super::escape::unescape;
use super::place::{self, Place};
use crate::context::Context;

/// Write values, all of them or none
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store write /local/domain/3/control/shutdown poweroff\n  \
    xenith store write /a 1 /b 2                          both at once, in one transaction\n  \
    xenith store write /a 'two\\nlines'                    escapes are those that `xenith store read` prints\n  \
    xenith store write --stdin /a < blob                  the bytes as they are")]
pub struct Write {
    /// Nodes, each with its value
    #[arg(required = true, num_args = 1.., allow_negative_numbers = true, value_names = ["NODE", "VALUE"])]
    words: Vec<String>,
    /// Values as they are typed, a backslash means itself
    #[arg(short = 'R', long)]
    raw: bool,
    /// The value of the one NODE comes from standard input, as it is
    #[arg(long)]
    stdin: bool,
    #[command(flatten)]
    place: Place,
}

impl Write {
    /// Writes.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let requests = self.requests()?;
        let mut store = self.place.connect()?;
        let written = if let [one] = requests.as_slice() { store.pipeline_all(std::slice::from_ref(one)) } else { store.commit(&requests) };
        written.map_err(|error| place::problem(&error))?;
        context.done(&self.words.iter().step_by(if self.stdin { 1 } else { 2 }).cloned().collect::<Vec<_>>().join(" "), "written")
    }

    fn requests(&self) -> Result<Vec<Request>, Problem> {
        match self.words.as_slice() {
            [node] if self.stdin => Ok(vec![Request::write(&place::path(node)?, from_stdin()?)]),
            words if !self.stdin && words.len().is_multiple_of(2) => words.chunks_exact(2).map(|pair| self.request(pair)).collect(),
            _ => Err(Problem::new(
                Code::BadRequest,
                "store write",
                "a node stands without its value",
                "give NODE VALUE pairs, or one NODE and --stdin",
            )),
        }
    }

    fn request(&self, pair: &[String]) -> Result<Request, Problem> {
        let [node, value] = pair else { return Err(Problem::new(Code::Internal, "store write", "no pair", "report this")) };
        let value = if self.raw { value.clone().into_bytes() } else { unescape(value.as_bytes()) };
        Ok(Request::write(&place::path(node)?, value))
    }
}

/// No message carries more than [`PAYLOAD_MAX`], so no more is read.
fn from_stdin() -> Result<Vec<u8>, Problem> {
    let mut value = Vec::new();
    let read = std::io::stdin().lock().take(PAYLOAD_MAX as u64 + 1).read_to_end(&mut value);
    read.map_err(|error| {
        Problem::new(Code::FileUnreadable, "standard input", format!("cannot read standard input: {error}"), "look at where it comes from")
    })?;
    Ok(value)
}
