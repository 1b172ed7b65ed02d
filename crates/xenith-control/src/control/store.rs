//! The store's nodes, for administrators. Each request is one transaction: what is told was there at one moment.

use xen_store::client::{ClientError, Reply, Request, Requests, Transport, Tx};
use xen_store::path::StorePath;
use xen_store::perms::{Perm, parse_list};
use xen_store::wire::{PAYLOAD_MAX, XsError};
use xenith_api::latest::problem::shorten;
use xenith_api::latest::{Code, EventKind, Problem, StoreNode, StoreNodes, StoreValue};
use xenith_engine::fault::Fault;

use super::Control;
use crate::log::Draft;

/// The most nodes of one answer.
const NODES_MAX: usize = 1000;
/// No more nodes are told once an answer holds that many bytes of paths, names and values.
const BYTES_MAX: usize = 1 << 20;
/// How many nodes are asked for at once.
const CHUNK: usize = 64;
/// What is asked about each: value, permissions, children.
const QUESTIONS: usize = 3;

/// The path as somebody wrote it: from the root on, and no `@` name.
pub(crate) fn node_path(text: &str) -> Result<StorePath, Problem> {
    let wrong = |why: &str| {
        let text = shorten(text);
        let detail = format!("{text}: it is no node's path: {why}");
        Problem::new(Code::StorePathInvalid, text, detail, "write it from the root on, like /tool/example")
    };
    if !text.starts_with('/') {
        return Err(wrong("it does not begin with a slash"));
    }
    StorePath::parse(text).map_err(|error| wrong(&error.to_string()))
}

impl Control {
    /// A node, and those below it so many levels down.
    pub fn store_nodes(&self, path: &StorePath, depth: u32) -> Result<StoreNodes, Problem> {
        let read = self.stores.with(|store| store.transaction(|tx| walk(tx, path, depth)));
        read.map_err(|fault| problem(path, &fault))
    }

    /// Writes a node's value; nodes that are missing on the way are made.
    pub fn write_store(&self, path: &StorePath, value: &[u8], caller: &str) -> Result<(), Problem> {
        // A zero stands between the two in the request.
        let most = PAYLOAD_MAX.saturating_sub(path.as_str().len() + 1);
        if value.len() > most {
            let detail = format!("{}: a value of {} bytes is too large", name(path), value.len());
            return Err(Problem::new(Code::StoreValueTooLarge, name(path), detail, format!("write at most {most} bytes there")));
        }
        self.stores.with(|store| store.write(path, value)).map_err(|fault| problem(path, &fault))?;
        self.tell_store(path, "written", caller);
        Ok(())
    }

    /// Removes a node and all below it.
    pub fn remove_store(&self, path: &StorePath, caller: &str) -> Result<(), Problem> {
        if path.is_root() {
            let detail = "/: the root cannot be removed";
            return Err(Problem::new(Code::StorePathInvalid, "/", detail, "remove what is below it, one by one"));
        }
        // A store calls it done where there is nothing; whoever asked would not learn that they mistyped.
        let removed = self.stores.with(|store| {
            store.transaction(|tx| {
                tx.read(path)?;
                tx.call(&Request::rm(path))
            })
        });
        removed.map_err(|fault| problem(path, &fault))?;
        self.tell_store(path, "removed", caller);
        Ok(())
    }

    fn tell_store(&self, path: &StorePath, done: &str, caller: &str) {
        self.tell(vec![Draft::new(EventKind::StoreChanged, format!("{}: {done}", name(path))).caller(caller)]);
    }
}

/// Level by level, as far as one answer goes.
fn walk<T: Transport>(tx: &mut Tx<'_, T>, top: &StorePath, depth: u32) -> Result<StoreNodes, ClientError> {
    let mut told = StoreNodes { nodes: Vec::new(), truncated: false };
    let mut bytes = 0;
    let mut level = vec![top.clone()];
    for _ in 0..=depth {
        let mut below = Vec::new();
        for part in level.chunks(CHUNK) {
            let requests: Vec<Request> = part.iter().flat_map(questions).collect();
            let mut replies = tx.pipeline(&requests)?.into_iter();
            for path in part {
                if told.nodes.len() == NODES_MAX || bytes >= BYTES_MAX {
                    told.truncated = true;
                    return Ok(told);
                }
                let answers: Vec<Reply> = replies.by_ref().take(QUESTIONS).collect();
                let node = node(tx, path, answers)?;
                below.extend(node.children.iter().map(|child| path.child(child)));
                bytes += size(&node);
                told.nodes.push(node);
            }
        }
        level = below;
    }
    Ok(told)
}

fn questions(path: &StorePath) -> [Request; QUESTIONS] {
    [Request::read(path), Request::get_perms(path), Request::directory(path)]
}

fn node<T: Transport>(tx: &mut Tx<'_, T>, path: &StorePath, answers: Vec<Reply>) -> Result<StoreNode, ClientError> {
    let asked = questions(path);
    let Ok([value, perms, children]) = <[Reply; QUESTIONS]>::try_from(answers) else {
        return Err(ClientError::Protocol("fewer replies than requests"));
    };
    let refused = |request: &Request, error| ClientError::refused(request, error);
    let [read, get_perms, directory] = &asked;
    let value = StoreValue::of(value.map_err(|error| refused(read, error))?);
    let perms = perms.map_err(|error| refused(get_perms, error))?;
    let perms = parse_list(&perms).map_err(|_| ClientError::Protocol("a permission list that cannot be read"))?;
    let children = match children {
        Ok(names) => xen_store::client::names_of(&names),
        // Too many for one reply.
        Err(XsError::TooBig) => tx.children(path)?,
        Err(error) => return Err(refused(directory, error)),
    };
    Ok(StoreNode {
        path: path.to_string(),
        value: value.value,
        value_hex: value.value_hex,
        perms: perms.iter().map(Perm::to_string).collect(),
        children,
    })
}

fn size(node: &StoreNode) -> usize {
    let value = node.value.iter().chain(&node.value_hex).map(String::len).sum::<usize>();
    node.path.len() + value + node.children.iter().map(String::len).sum::<usize>()
}

fn name(path: &StorePath) -> String {
    shorten(path.as_str())
}

/// What the store's answer means to whoever asked.
fn problem(path: &StorePath, fault: &Fault) -> Problem {
    let name = name(path);
    let refusal = match fault {
        Fault::Store(error) => error.refusal(),
        _ => None,
    };
    match refusal {
        Some(XsError::NoEntry) => {
            let detail = format!("{name}: there is no such node");
            Problem::new(Code::StoreNodeNotFound, name, detail, "look at what is above it")
        }
        Some(XsError::Invalid) => {
            let detail = format!("{name}: the store takes no such path");
            Problem::new(Code::StorePathInvalid, name, detail, "write it from the root on, and shorter")
        }
        _ => fault.problem(&name, None),
    }
}
