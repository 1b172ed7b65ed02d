//! `xenith store ls`.
//!
//! ```text
//!   Walk: a directory's children with value, permissions and names, in one wait for each directory --> Node --> line, or JSON
//! ```

use std::io::stdout;

use serde::Serialize;
use xenith_api::latest::Problem;

use super::place::{self, Place};
use super::value::Value;
use crate::context::{Context, print};

mod line;
mod walk;

use line::Shape;
use walk::{Node, Walk};

/// Print the tree below nodes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    xenith store ls                                everything\n  \
    xenith store ls -fp /local/domain/3            whole paths, with permissions: what scripts compare\n  \
    xenith store ls --json /vm | jq -r '.[].path'  an array of objects: path, value (or value_hex), with -p perms\n\n\
    Output is that of xenstore-ls: values are shortened to the terminal's width, or to 80 columns, but with -f.")]
pub struct Ls {
    /// Where to begin [default: /]
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// Whole paths and whole values
    #[arg(short, long)]
    flat: bool,
    /// Permissions
    #[arg(short, long)]
    perms: bool,
    #[command(flatten)]
    place: Place,
}

/// A node in JSON.
#[derive(Serialize)]
struct Told {
    path: String,
    #[serde(flatten)]
    value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    perms: Option<Vec<String>>,
}

/// Text is printed when so much of it has come together.
const CHUNK: usize = 64 * 1024;

impl Ls {
    /// Prints what can be read, then which directory could not.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let roots = if self.nodes.is_empty() { place::paths(&["/".to_owned()])? } else { place::paths(&self.nodes)? };
        let mut walk = Walk::new(self.place.connect()?, self.perms);
        let shape = Shape { flat: self.flat, width: width(self.flat) };
        let (mut text, mut told) = (Vec::new(), Vec::new());
        for root in roots {
            walk.begin(root).map_err(|error| place::problem(&error))?;
            while let Some(node) = walk.next().map_err(|error| place::problem(&error))? {
                if context.json {
                    told.push(Told::from(node));
                    continue;
                }
                text.extend_from_slice(shape.line(&node).as_bytes());
                if text.len() > CHUNK {
                    print(&std::mem::take(&mut text))?;
                }
            }
        }
        if context.json { context.answer(&told, |_| String::new()) } else { print(&text) }?;
        walk.refused().map_or(Ok(()), |error| Err(place::problem(&error)))
    }
}

impl From<Node> for Told {
    fn from(node: Node) -> Told {
        let perms = node.perms.map(|perms| perms.iter().map(ToString::to_string).collect());
        Told { path: node.path.as_str().to_owned(), value: node.value.map(Value::from), perms }
    }
}

/// Columns that a line may fill, where it must be shortened at all. Two stay free on a terminal, as xenstore-ls does.
fn width(flat: bool) -> Option<usize> {
    if flat {
        return None;
    }
    rustix::termios::tcgetwinsize(stdout()).map_or(Some(80), |size| usize::from(size.ws_col).checked_sub(2))
}
