//! WRITE, MKDIR, RM: plan (may it, does it fit), then effect.

use super::{Result, Scope, ack};
use crate::path::StorePath;
use crate::perms::Rights;
use crate::tree::Node;
use crate::watch::Change;
use crate::wire::{XsError, one_string};

/// `path|value` -> `OK|`. Missing nodes on the way are made.
pub(super) fn write(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let end = payload.iter().position(|byte| *byte == 0).ok_or(XsError::Invalid)?;
    let (path, value) = payload.split_at(end);
    let value = value.get(1..).unwrap_or_default();
    let path = scope.path(path)?;
    match scope.check(&path, Rights::WRITE) {
        Ok(()) => overwrite(&path, value, scope)?,
        Err(XsError::NoEntry) => create(&path, value, scope)?,
        Err(error) => return Err(error),
    }
    ack(reply);
    Ok(())
}

/// `path|` -> `OK|`. A node that is there stays as it is.
pub(super) fn mkdir(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let path = scope.path(one_string(payload).ok_or(XsError::Invalid)?)?;
    match scope.check(&path, Rights::WRITE) {
        Ok(()) => {}
        Err(XsError::NoEntry) => create(&path, &[], scope)?,
        Err(error) => return Err(error),
    }
    ack(reply);
    Ok(())
}

/// `path|` -> `OK|`, also where only the parent is there.
pub(super) fn rm(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let path = scope.path(one_string(payload).ok_or(XsError::Invalid)?)?;
    let found = scope.tree.find(&path);
    let (parent, missing) = (found.above.perms().clone(), found.missing);
    match scope.check(&path, Rights::WRITE) {
        Ok(()) if path.is_root() => return Err(XsError::Invalid),
        Ok(()) => {
            let generation = scope.next_generation();
            let removed = scope.tree.remove(&path, generation).ok_or(XsError::Invalid)?;
            scope.changes.push(Change::removed(path, removed, parent));
        }
        Err(XsError::NoEntry) if missing == 1 => {}
        Err(error) => return Err(error),
    }
    ack(reply);
    Ok(())
}

fn overwrite(path: &StorePath, value: &[u8], scope: &mut Scope<'_>) -> Result<()> {
    let node = scope.tree.node(path).ok_or(XsError::NoEntry)?;
    let size = node.size_with_value(value.len());
    let owner = node.perms().owner();
    let growth = size.saturating_sub(node.size());
    scope.check_size(size)?;
    if owner == scope.who.domid {
        scope.check_memory(growth)?;
    }
    scope.next_generation();
    scope.tree.set_value(path, value);
    written(path, scope);
    Ok(())
}

fn create(path: &StorePath, value: &[u8], scope: &mut Scope<'_>) -> Result<()> {
    check_create(path, value, scope)?;
    let generation = scope.next_generation();
    let who = scope.who;
    scope.tree.create(path, value, &who, generation);
    written(path, scope);
    Ok(())
}

/// Whether the new nodes fit: their number, each one's size, the parent's new size, and all their bytes.
fn check_create(path: &StorePath, value: &[u8], scope: &Scope<'_>) -> Result<()> {
    if scope.who.privileged {
        return Ok(());
    }
    let found = scope.tree.find(path);
    let owned = scope.tree.accounts().get(scope.who.domid).nodes as usize;
    if owned + found.missing > scope.quota.nodes {
        return Err(XsError::NoSpace);
    }
    let names: Vec<&str> = path.components().collect();
    let new = names.get(names.len() - found.missing..).unwrap_or_default();
    let empty = Node::empty_size(found.above.perms());
    let mut above = found.above.size();
    let mut path_len = path.as_str().len() - new.iter().map(|name| name.len() + 1).sum::<usize>();
    let mut bytes = 0;
    for name in new {
        scope.check_size(above + Node::child_size(name))?;
        above = empty;
        path_len += name.len() + 1;
        bytes += Node::child_size(name) + empty + path_len;
    }
    scope.check_size(above + value.len())?;
    scope.check_memory(bytes + value.len())
}

/// Notes that a node was written.
fn written(path: &StorePath, scope: &mut Scope<'_>) {
    let found = scope.tree.find(path);
    let seen_by = found.node.into_iter().chain([found.above]).map(|node| node.perms().clone()).collect();
    scope.changes.push(Change::written(path.clone(), seen_by));
}

impl Scope<'_> {
    /// A node of this many bytes must not be over the writer's quota.
    pub(super) fn check_size(&self, size: usize) -> Result<()> {
        match !self.who.privileged && size > self.quota.node_size {
            true => Err(XsError::NoSpace),
            false => Ok(()),
        }
    }

    /// The writer's nodes and messages must stay below its quota with this many bytes more.
    fn check_memory(&self, growth: usize) -> Result<()> {
        let memory = self.tree.accounts().get(self.who.domid).memory + self.held + growth as u64;
        match !self.who.privileged && memory >= self.quota.memory as u64 {
            true => Err(XsError::NoMemory),
            false => Ok(()),
        }
    }
}
