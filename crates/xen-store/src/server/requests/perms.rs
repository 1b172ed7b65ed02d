//! GET_PERMS, SET_PERMS. Both also serve the `@` nodes.

use std::sync::Arc;

use xen_abi::DomId;

use super::super::{ConnId, Effect, Server, features};
use super::{Outcome, Result, Scope, ack, path_limit, strict_domid};
use crate::path::StorePath;
use crate::perms::{Identity, KnownSince, Perm, Perms, Rights, format_list, parse_list};
use crate::watch::Change;
use crate::wire::{MsgType, XsError, one_string, strings};

/// `path|` -> `n0|r5|`.
pub(super) fn get(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let path = any_path(one_string(payload).ok_or(XsError::Invalid)?, scope)?;
    scope.check(&path, Rights::READ)?;
    let node = scope.tree.node(&path).ok_or(XsError::NoEntry)?;
    reply.extend_from_slice(&format_list(&node.perms().entries()));
    Ok(())
}

/// `path|n0|r5|` -> `OK|`. Domains may change only what they own, and not whose it is (XSA-352).
pub(super) fn set(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let (path, list) = split(payload)?;
    if !scope.who.privileged && strings(list).count() > scope.quota.node_permissions {
        return Err(XsError::NoSpace);
    }
    let mut entries = parse_list(list)?;
    if scope.features & features::DOMID_ANY == 0 {
        for entry in entries.iter_mut().filter(|entry| entry.names_all()) {
            *entry = entry.ignored();
        }
    }
    let owner = entries.first().ok_or(XsError::Invalid)?.domid;
    if scope.domains.known_since(owner).is_none() {
        return Err(XsError::NoEntry);
    }
    let path = any_path(path, scope)?;
    scope.check(&path, Rights::CHANGE)?;
    let found = scope.tree.find(&path);
    let node = found.node.ok_or(XsError::NoEntry)?;
    let before = node.perms().clone();
    if !scope.who.privileged && owner != before.owner() {
        return Err(XsError::NotPermitted);
    }
    let parent = found.above.perms().clone();
    scope.check_size(node.size())?;
    apply(path, &entries, vec![before, parent], scope)?;
    ack(reply);
    Ok(())
}

fn apply(path: StorePath, entries: &[Perm], mut seen_by: Vec<Arc<Perms>>, scope: &mut Scope<'_>) -> Result<()> {
    scope.next_generation();
    let perms = Arc::new(Perms::set_now(entries, scope.domains).ok_or(XsError::Invalid)?);
    scope.tree.set_perms(&path, Arc::clone(&perms));
    seen_by.push(perms);
    scope.changes.push(Change::written(path, seen_by));
    Ok(())
}

fn any_path(sent: &[u8], scope: &Scope<'_>) -> Result<StorePath> {
    let limit = path_limit(&scope.who, scope.quota);
    StorePath::resolve(sent, scope.home, limit).map_err(|_| XsError::Invalid)
}

/// Path and list of a SET_PERMS request.
fn split(payload: &[u8]) -> Result<(&[u8], &[u8])> {
    if strings(payload).count() < 2 {
        return Err(XsError::Invalid);
    }
    let end = payload.iter().position(|byte| *byte == 0).ok_or(XsError::Invalid)?;
    let (path, list) = payload.split_at(end);
    Ok((path, list.get(1..).unwrap_or_default()))
}

impl Server {
    /// A domain that a request names and the store has not met: only the hypervisor knows whether it exists.
    pub(super) fn unknown_domain(&self, who: &Identity, kind: MsgType, payload: &[u8]) -> Option<DomId> {
        let unknown = |domid: &DomId| domid.is_ordinary() && self.domains.get(*domid).is_none() && !self.absent.contains(domid);
        let named = || {
            // With fewer fields nobody is named.
            let fields = match kind {
                MsgType::GetFeature => 1,
                MsgType::GetQuota | MsgType::SetFeature => 2,
                _ => 3,
            };
            let mut sent = strings(payload);
            let domid = sent.next()?;
            (sent.count() + 1 == fields).then(|| strict_domid(domid).ok())?
        };
        match kind {
            MsgType::SetPerms => {
                let (_, list) = split(payload).ok()?;
                let entries = parse_list(list).ok()?;
                entries.iter().map(|entry| entry.domid).find(unknown)
            }
            MsgType::GetFeature | MsgType::SetFeature | MsgType::GetQuota | MsgType::SetQuota if who.privileged => named().filter(unknown),
            _ => None,
        }
    }

    /// Parks the request until the shell has said whether the domain exists.
    pub(super) fn ask_about(&mut self, asker: ConnId, domid: DomId) -> Outcome {
        self.effects.push_back(Effect::Query { asker, domid });
        Outcome::Parked
    }

    /// The shell's answer to [`Effect::Query`]: the request that waited is looked at again.
    pub fn known(&mut self, asker: ConnId, domid: DomId, exists: bool) {
        match exists {
            true => _ = self.domains.learn(domid, self.generation),
            false => _ = self.absent.insert(domid),
        }
        let parked = self.connections.get_mut(&asker).and_then(|connection| connection.parked.take());
        if let Some(message) = parked {
            self.handle(asker, message);
        }
        self.forget_absent(asker);
        self.wake(asker);
    }

    /// What was learned for a request that is done says nothing about the next one.
    pub(in crate::server) fn forget_absent(&mut self, asker: ConnId) {
        let still_parked = self.connections.get(&asker).is_some_and(|connection| connection.parked.is_some());
        if !still_parked {
            self.absent.clear();
        }
    }
}
