//! `xenith dump-core`.

use std::io::IsTerminal;

use xenith_api::latest::{CoreDump, DumpRequest, Operation, Problem};

use crate::complete;
use crate::context::Context;

/// Write a domain's memory and registers to a file on the daemon's host
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith dump-core web                        to a new file in /var/lib/xenith/dumps; prints its name\n  \
    xenith dump-core web /srv/dumps/web.core    to this file, which must not be there yet\n\n\
    The domain stands still meanwhile. Pages of zeroes take no room. `crash` reads the file (docs/misc/dump-core-format.txt of Xen).")]
pub struct DumpCore {
    /// The domain's name, domid or uuid
    #[arg(add = complete::domains())]
    name: String,
    /// The file, by its whole path
    path: Option<String>,
}

impl DumpCore {
    /// Asks the daemon, and shows on a terminal how far it is.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let request = DumpRequest { path: self.path.clone() };
        let shows = std::io::stderr().is_terminal() && !context.json;
        let dumped = context.client().dump_core(&self.name, &request, |operation| {
            if shows {
                eprint!("\r{}", progress(operation));
            }
        });
        if shows {
            eprint!("\r\x1b[K");
        }
        context.answer(&dumped?, text)
    }
}

fn progress(operation: &Operation) -> String {
    format!("{}: {:3} %", operation.subject, operation.percent.unwrap_or(0))
}

fn text(core: &CoreDump) -> String {
    format!("{}\n", core.path)
}
