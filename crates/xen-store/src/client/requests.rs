//! The requests one by one, in a transaction or not: each is one wait.

use xen_abi::{DomId, Gfn, Port};

use super::{ClientError, Request};
use crate::path::StorePath;
use crate::perms::{Perm, parse_list};
use crate::wire::{XsError, strings};

/// Something that answers requests: a client, or a transaction of one.
pub trait Requests {
    /// Sends one request and waits for its reply.
    fn call(&mut self, request: &Request) -> Result<Vec<u8>, ClientError>;

    /// The value of a node.
    fn read(&mut self, path: &StorePath) -> Result<Vec<u8>, ClientError> {
        self.call(&Request::read(path))
    }

    /// The value of a node as text, `None` where there is no such node. Bytes that are no UTF-8 are replaced.
    fn read_text(&mut self, path: &StorePath) -> Result<Option<String>, ClientError> {
        let value = absent_is_none(self.read(path))?;
        Ok(value.map(|value| String::from_utf8_lossy(&value).into_owned()))
    }

    /// The children's names, oldest first. Lists too long for one reply come in parts.
    fn children(&mut self, path: &StorePath) -> Result<Vec<String>, ClientError> {
        match self.call(&Request::directory(path)) {
            Err(error) if error.refusal() == Some(XsError::TooBig) => children_in_parts(self, path),
            whole => Ok(names_of(&whole?)),
        }
    }

    /// The children's names, oldest first; none where there is no such node.
    fn directory(&mut self, path: &StorePath) -> Result<Vec<String>, ClientError> {
        Ok(absent_is_none(self.children(path))?.unwrap_or_default())
    }

    /// Writes a value; missing nodes are made.
    fn write(&mut self, path: &StorePath, value: impl AsRef<[u8]>) -> Result<(), ClientError>
    where
        Self: Sized,
    {
        self.call(&Request::write(path, value)).map(drop)
    }

    /// Makes an empty node where there is none.
    fn mkdir(&mut self, path: &StorePath) -> Result<(), ClientError> {
        self.call(&Request::mkdir(path)).map(drop)
    }

    /// Removes a node and everything below it; where there is none, nothing happens.
    fn rm(&mut self, path: &StorePath) -> Result<(), ClientError> {
        absent_is_none(self.call(&Request::rm(path))).map(drop)
    }

    /// The permissions of a node, the owner first.
    fn get_perms(&mut self, path: &StorePath) -> Result<Vec<Perm>, ClientError> {
        let list = self.call(&Request::get_perms(path))?;
        parse_list(&list).map_err(|_| ClientError::Protocol("a permission list that cannot be read"))
    }

    /// Replaces the permissions of a node; the first entry owns it.
    fn set_perms(&mut self, path: &StorePath, entries: &[Perm]) -> Result<(), ClientError> {
        self.call(&Request::set_perms(path, entries)).map(drop)
    }

    /// Registers a watch. It fires once at once.
    fn watch(&mut self, path: &StorePath, token: &str) -> Result<(), ClientError> {
        self.call(&Request::watch(path, token)).map(drop)
    }

    /// Removes a watch. Events of it may still wait.
    fn unwatch(&mut self, path: &StorePath, token: &str) -> Result<(), ClientError> {
        self.call(&Request::unwatch(path, token)).map(drop)
    }

    /// Connects a domain's ring.
    fn introduce(&mut self, domid: DomId, gfn: Gfn, port: Port) -> Result<(), ClientError> {
        self.call(&Request::introduce(domid, gfn, port)).map(drop)
    }

    /// Drops a domain's ring and its nodes.
    fn release(&mut self, domid: DomId) -> Result<(), ClientError> {
        self.call(&Request::release(domid)).map(drop)
    }

    /// Whether a domain has a ring.
    fn is_domain_introduced(&mut self, domid: DomId) -> Result<bool, ClientError> {
        let reply = self.call(&Request::is_domain_introduced(domid))?;
        Ok(reply == b"T\0")
    }
}

fn absent_is_none<V>(reply: Result<V, ClientError>) -> Result<Option<V>, ClientError> {
    match reply {
        Err(error) if error.refusal() == Some(XsError::NoEntry) => Ok(None),
        other => other.map(Some),
    }
}

/// The names in a DIRECTORY reply.
pub fn names_of(reply: &[u8]) -> Vec<String> {
    strings(reply).map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

/// How often a long directory that changes while it is read is begun again.
const PART_TRIES: u32 = 1000;

/// Asks from offset to offset, and starts again where the directory changed in between.
fn children_in_parts(client: &mut (impl Requests + ?Sized), path: &StorePath) -> Result<Vec<String>, ClientError> {
    for _ in 0..PART_TRIES {
        if let Some(names) = whole_directory(client, path)? {
            return Ok(names_of(&names));
        }
    }
    Err(ClientError::Conflict { tries: PART_TRIES })
}

/// The names of a directory as one list, `None` where it changed between two parts.
fn whole_directory(client: &mut (impl Requests + ?Sized), path: &StorePath) -> Result<Option<Vec<u8>>, ClientError> {
    let mut names: Vec<u8> = Vec::new();
    let mut first = None;
    loop {
        let reply = client.call(&Request::directory_part(path, names.len()))?;
        let (generation, part) = generation_and_part(&reply).ok_or(ClientError::Protocol("half a directory part"))?;
        if first.get_or_insert_with(|| generation.to_vec()) != generation {
            return Ok(None);
        }
        // An empty name ends the list.
        match part.strip_suffix(b"\0\0") {
            _ if part == b"\0" => return Ok(Some(names)),
            Some(last) => {
                names.extend_from_slice(last);
                names.push(0);
                return Ok(Some(names));
            }
            None if part.is_empty() => return Err(ClientError::Protocol("an empty directory part")),
            None => names.extend_from_slice(part),
        }
    }
}

/// Splits a reply behind the first NUL.
fn generation_and_part(reply: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = reply.iter().position(|byte| *byte == 0)?;
    reply.split_at_checked(end + 1)
}
