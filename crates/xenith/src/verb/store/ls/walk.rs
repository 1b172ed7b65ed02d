//! The tree below a node, depth first, one wait for each directory.

use xen_store::client::{ClientError, Request, Requests, names_of};
use xen_store::path::StorePath;
use xen_store::perms::{Perm, parse_list};
use xen_store::wire::XsError;

use super::super::place::Store;

/// A node that was found.
#[derive(Debug)]
pub struct Node {
    pub path: StorePath,
    /// Levels below the one where the walk began, from 0.
    pub depth: usize,
    /// `None`: it may not be read.
    pub value: Option<Vec<u8>>,
    /// Where they were asked for, and may be read.
    pub perms: Option<Vec<Perm>>,
}

/// What is below a node: known, or too long for one message.
enum Below {
    Names(Vec<String>),
    Long,
}

/// The walk. Nodes that go away under it are left out.
pub struct Walk {
    store: Store,
    perms: bool,
    /// Nodes to come, the next last, each with what is below it.
    next: Vec<(Node, Below)>,
    refused: Option<ClientError>,
}

impl Walk {
    /// Through this store, with permissions or without.
    pub fn new(store: Store, perms: bool) -> Walk {
        Walk { store, perms, next: Vec::new(), refused: None }
    }

    /// Goes to a node; it is not told itself.
    pub fn begin(&mut self, root: StorePath) -> Result<(), ClientError> {
        let names = self.store.children(&root)?;
        self.enter(&root, 0, &names)
    }

    /// The next node.
    pub fn next(&mut self) -> Result<Option<Node>, ClientError> {
        let Some((node, below)) = self.next.pop() else { return Ok(None) };
        let names = match below {
            Below::Names(names) => names,
            Below::Long => self.store.directory(&node.path)?,
        };
        self.enter(&node.path, node.depth + 1, &names)?;
        Ok(Some(node))
    }

    /// Why the first directory could not be listed that could not.
    pub fn refused(self) -> Option<ClientError> {
        self.refused
    }

    fn enter(&mut self, parent: &StorePath, depth: usize, names: &[String]) -> Result<(), ClientError> {
        let paths: Vec<StorePath> = names.iter().map(|name| parent.child(name)).collect();
        let requests: Vec<Request> = paths.iter().flat_map(|path| self.requests(path)).collect();
        let mut replies = self.store.pipeline(&requests)?.into_iter();
        let mut found = Vec::new();
        for path in paths {
            let (value, names) = (replies.next(), replies.next());
            let perms = if self.perms { replies.next() } else { None };
            let (Some(value), Some(names)) = (value, names) else { break };
            if value == Err(XsError::NoEntry) {
                continue;
            }
            let below = self.below(&path, names);
            let perms = perms.and_then(|list| parse_list(&list.ok()?).ok());
            found.push((Node { path, depth, value: value.ok(), perms }, below));
        }
        self.next.extend(found.into_iter().rev());
        Ok(())
    }

    fn requests(&self, path: &StorePath) -> Vec<Request> {
        let perms = self.perms.then(|| Request::get_perms(path));
        [Request::read(path), Request::directory(path)].into_iter().chain(perms).collect()
    }

    fn below(&mut self, path: &StorePath, names: Result<Vec<u8>, XsError>) -> Below {
        match names {
            Ok(names) => return Below::Names(names_of(&names)),
            Err(XsError::TooBig) => return Below::Long,
            Err(XsError::NoEntry) => {}
            Err(error) => {
                let subject = path.as_str().to_owned();
                self.refused.get_or_insert(ClientError::Refused { request: "DIRECTORY", subject, error });
            }
        }
        Below::Names(Vec::new())
    }
}
