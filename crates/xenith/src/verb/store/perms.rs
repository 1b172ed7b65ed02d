//! `xenith store perms`.

use serde::Serialize;
use xen_store::client::{ClientError, Requests};
use xen_store::path::StorePath;
use xen_store::perms::Perm;
use xenith_api::latest::Problem;

use super::place::{self, Place, Store};
use crate::context::Context;

/// Show who may do what with nodes, or change it
#[derive(Debug, clap::Args)]
#[command(
    visible_alias = "chmod",
    after_help = "Examples:\n  \
    xenith store perms /local/domain/3                 n3,r0: domain 3 owns it, dom0 reads it, others nothing\n  \
    xenith store perms /local/domain/3/data n0 b3      owned by dom0, domain 3 reads and writes\n  \
    xenith store perms -r /local/domain/3/data n3 r0   and everything below\n\n\
    A PERM is a letter and a domid: n nothing, r read, w write, b both. The first names the owner, who may do everything, and its letter is\n\
    what everybody else may who is not named. Arguments of changes are those of xenstore-chmod; all of them are made, or none."
)]
pub struct Perms {
    /// The nodes, then the PERMs where they are to be changed
    #[arg(required = true, value_name = "NODE|PERM")]
    words: Vec<String>,
    /// Change everything below, too
    #[arg(short, long = "recurse")]
    recursive: bool,
    /// Change every node above, too
    #[arg(short, long)]
    upto: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct NodePerms {
    path: String,
    perms: Vec<String>,
}

impl Perms {
    /// Shows or changes.
    pub fn run(&self, context: &Context) -> Result<(), Problem> {
        let (paths, perms) = self.paths_and_perms()?;
        let mut store = self.place.connect()?;
        if !perms.is_empty() {
            let changed = store.transaction(|tx| paths.iter().try_for_each(|path| self.change(tx, path, &perms)));
            changed.map_err(|error| place::problem(&error))?;
            return context.done(&paths.iter().map(StorePath::as_str).collect::<Vec<_>>().join(" "), "changed");
        }
        if self.recursive || self.upto {
            return Err(place::wrong_usage("store perms", "there is no PERM to set", "add some, like n0 r3"));
        }
        let nodes = show(&mut store, &paths).map_err(|error| place::problem(&error))?;
        context.answer(&nodes, |nodes| text(nodes))
    }

    /// Words that look like a PERM at the end are PERMs; the first word never is.
    fn paths_and_perms(&self) -> Result<(Vec<StorePath>, Vec<Perm>), Problem> {
        let is_perm = |word: &&String| Perm::parse(word.as_bytes()).is_ok();
        let perms = self.words.iter().skip(1).rev().take_while(is_perm).count();
        let (paths, perms) = self.words.split_at(self.words.len() - perms);
        if let Some(word) = paths.iter().skip(1).find(|word| !word.contains('/')) {
            let what = format!("{word:?} is neither a whole path nor a PERM");
            return Err(place::wrong_usage("store perms", what, "a PERM is one of n, r, w, b and a domid, like r3"));
        }
        let perms = perms.iter().filter_map(|word| Perm::parse(word.as_bytes()).ok()).collect();
        Ok((place::paths(paths)?, perms))
    }

    fn change(&self, tx: &mut impl Requests, path: &StorePath, perms: &[Perm]) -> Result<(), ClientError> {
        tx.set_perms(path, perms)?;
        let mut above = path.parent();
        while self.upto && !above.is_root() {
            tx.set_perms(&above, perms)?;
            above = above.parent();
        }
        if self.recursive { below(tx, path, perms) } else { Ok(()) }
    }
}

fn below(tx: &mut impl Requests, path: &StorePath, perms: &[Perm]) -> Result<(), ClientError> {
    for name in tx.directory(path)? {
        let child = path.child(name);
        tx.set_perms(&child, perms)?;
        below(tx, &child, perms)?;
    }
    Ok(())
}

fn show(store: &mut Store, paths: &[StorePath]) -> Result<Vec<NodePerms>, ClientError> {
    let list = |path: &StorePath| {
        let perms = store.get_perms(path)?.iter().map(Perm::to_string).collect();
        Ok(NodePerms { path: path.as_str().to_owned(), perms })
    };
    paths.iter().map(list).collect()
}

/// The list alone for one node, with the node in front for several.
fn text(nodes: &[NodePerms]) -> String {
    let line = |node: &NodePerms| if nodes.len() == 1 { node.perms.join(",") } else { format!("{}: {}", node.path, node.perms.join(",")) };
    nodes.iter().map(|node| line(node) + "\n").collect()
}
