//! Requests as values: what a batch is made of.

use xen_abi::{DomId, Gfn, Port};

use crate::path::StorePath;
use crate::perms::{Perm, format_list};
use crate::wire::{MsgType, strings};

/// One request, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    kind: MsgType,
    payload: Vec<u8>,
}

impl Request {
    /// A request of any type with the payload it needs.
    #[must_use]
    pub fn new(kind: MsgType, payload: Vec<u8>) -> Request {
        Request { kind, payload }
    }

    fn of_strings(kind: MsgType, fields: &[&str]) -> Request {
        let payload = fields.iter().flat_map(|field| field.bytes().chain([0])).collect();
        Request { kind, payload }
    }

    fn of_domid(kind: MsgType, domid: DomId) -> Request {
        Request::of_strings(kind, &[&domid.0.to_string()])
    }

    /// Read a value.
    #[must_use]
    pub fn read(path: &StorePath) -> Request {
        Request::of_strings(MsgType::Read, &[path.as_str()])
    }

    /// List children.
    #[must_use]
    pub fn directory(path: &StorePath) -> Request {
        Request::of_strings(MsgType::Directory, &[path.as_str()])
    }

    /// List children from a byte offset on.
    #[must_use]
    pub fn directory_part(path: &StorePath, offset: usize) -> Request {
        Request::of_strings(MsgType::DirectoryPart, &[path.as_str(), &offset.to_string()])
    }

    /// Write a value; missing nodes are made.
    #[must_use]
    pub fn write(path: &StorePath, value: impl AsRef<[u8]>) -> Request {
        let payload = [path.as_str().as_bytes(), &[0], value.as_ref()].concat();
        Request { kind: MsgType::Write, payload }
    }

    /// Make an empty node where there is none.
    #[must_use]
    pub fn mkdir(path: &StorePath) -> Request {
        Request::of_strings(MsgType::Mkdir, &[path.as_str()])
    }

    /// Remove a node and everything below it.
    #[must_use]
    pub fn rm(path: &StorePath) -> Request {
        Request::of_strings(MsgType::Rm, &[path.as_str()])
    }

    /// Read permissions.
    #[must_use]
    pub fn get_perms(path: &StorePath) -> Request {
        Request::of_strings(MsgType::GetPerms, &[path.as_str()])
    }

    /// Replace permissions; the first entry owns the node.
    #[must_use]
    pub fn set_perms(path: &StorePath, entries: &[Perm]) -> Request {
        let payload = [path.as_str().as_bytes(), &[0], &format_list(entries)].concat();
        Request { kind: MsgType::SetPerms, payload }
    }

    /// Register a watch.
    #[must_use]
    pub fn watch(path: &StorePath, token: &str) -> Request {
        Request::of_strings(MsgType::Watch, &[path.as_str(), token])
    }

    /// Register a watch that hears only of so many levels below its path (4.22); an older store refuses it with EINVAL.
    #[must_use]
    pub fn watch_to_depth(path: &StorePath, token: &str, depth: usize) -> Request {
        Request::of_strings(MsgType::Watch, &[path.as_str(), token, &depth.to_string()])
    }

    /// Remove a watch.
    #[must_use]
    pub fn unwatch(path: &StorePath, token: &str) -> Request {
        Request::of_strings(MsgType::Unwatch, &[path.as_str(), token])
    }

    /// Connect a domain's ring. The store uses grant 1; the gfn is for stores that cannot.
    #[must_use]
    pub fn introduce(domid: DomId, gfn: Gfn, port: Port) -> Request {
        Request::of_strings(MsgType::Introduce, &[&domid.0.to_string(), &gfn.0.to_string(), &port.0.to_string()])
    }

    /// Drop a domain's ring and its nodes.
    #[must_use]
    pub fn release(domid: DomId) -> Request {
        Request::of_domid(MsgType::Release, domid)
    }

    /// Report the domain's next shutdown again.
    #[must_use]
    pub fn resume(domid: DomId) -> Request {
        Request::of_domid(MsgType::Resume, domid)
    }

    /// Let `actor` act with the rights of `target`.
    #[must_use]
    pub fn set_target(actor: DomId, target: DomId) -> Request {
        Request::of_strings(MsgType::SetTarget, &[&actor.0.to_string(), &target.0.to_string()])
    }

    /// Ask whether a domain has a ring.
    #[must_use]
    pub fn is_domain_introduced(domid: DomId) -> Request {
        Request::of_domid(MsgType::IsDomainIntroduced, domid)
    }

    /// A CONTROL command with its arguments.
    #[must_use]
    pub fn control(words: &[&str]) -> Request {
        Request::of_strings(MsgType::Control, words)
    }

    /// Open a transaction; [`super::TxId::from_reply`] reads the answer.
    #[must_use]
    pub fn transaction_start() -> Request {
        Request::of_strings(MsgType::TransactionStart, &[""])
    }

    /// Commit or drop the transaction that it is sent in.
    #[must_use]
    pub fn transaction_end(commit: bool) -> Request {
        Request::of_strings(MsgType::TransactionEnd, &[if commit { "T" } else { "F" }])
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> MsgType {
        self.kind
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The first string of the payload: whom or what the request is about.
    pub(super) fn subject(&self) -> String {
        let first = strings(&self.payload).next().unwrap_or_default();
        String::from_utf8_lossy(first).into_owned()
    }
}
