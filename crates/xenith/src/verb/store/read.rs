//! `xenith store read`.

use xen_store::client::{ClientError, Requests};
use xen_store::path::StorePath;
use xenith_api::latest::Problem;

use super::escape::escape;
use super::place::{self, Place, Store};
use super::value::NodeValue;
use crate::context::{Context, print};

/// Print the values of nodes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store read /local/domain/0/name                 one line\n  \
    xenith store read -p /local/domain/3/name /local/domain/3/domid\n  \
    xenith store read -R /local/domain/3/data/blob > blob  the bytes as they are\n  \
    xenith store read --json /a /b | jq -r '.[].value'     value_hex instead where a value is no text\n  \
    xenith store read name                                 of the domain that asks, dom0 through a socket\n\n\
    Several nodes are read in one transaction. Output is that of xenstore-read.")]
pub struct Read {
    /// The nodes
    #[arg(required = true, value_name = "NODE")]
    nodes: Vec<String>,
    /// The node in front of each value
    #[arg(short, long)]
    prefix: bool,
    /// The bytes as they are, without escapes and without a newline
    #[arg(short = 'R', long)]
    raw: bool,
    #[command(flatten)]
    place: Place,
}

impl Read {
    /// Reads and prints what came before the first node that could not be read, then why it could not.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let paths = place::paths(&self.nodes)?;
        let (values, failed) = values(&mut self.place.connect()?, &paths);
        if let (true, None) = (context.json, &failed) {
            let nodes = paths.iter().zip(values).map(|(path, value)| NodeValue { path: path.as_str(), value: value.into() });
            return context.answer(&nodes.collect::<Vec<_>>(), |_| String::new());
        }
        if !context.json {
            let text: Vec<u8> = paths.iter().zip(values).flat_map(|(path, value)| self.text(path, value)).collect();
            print(&text)?;
        }
        failed.map_or(Ok(()), |error| Err(place::problem(&error)))
    }

    fn text(&self, path: &StorePath, value: Vec<u8>) -> Vec<u8> {
        let mut text = if self.prefix { format!("{path}: ").into_bytes() } else { Vec::new() };
        if self.raw {
            text.extend_from_slice(&value);
        } else {
            text.extend_from_slice(escape(&value).as_bytes());
            text.push(b'\n');
        }
        text
    }
}

/// The values up to the first that cannot be read, and why not.
fn values(store: &mut Store, paths: &[StorePath]) -> (Vec<Vec<u8>>, Option<ClientError>) {
    if let [one] = paths {
        return match store.read(one) {
            Ok(value) => (vec![value], None),
            Err(error) => (Vec::new(), Some(error)),
        };
    }
    let mut values = Vec::new();
    let failed = store.transaction(|tx| {
        values.clear();
        paths.iter().try_for_each(|path| {
            values.push(tx.read(path)?);
            Ok(())
        })
    });
    (values, failed.err())
}
