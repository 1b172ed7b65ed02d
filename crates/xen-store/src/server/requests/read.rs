//! READ, DIRECTORY, DIRECTORY_PART.

use super::{Result, Scope, atoi};
use crate::perms::Rights;
use crate::wire::{PAYLOAD_MAX, XsError, one_string, strings};

/// `path|` -> the value.
pub(super) fn read(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let path = scope.path(one_string(payload).ok_or(XsError::Invalid)?)?;
    scope.check(&path, Rights::READ)?;
    let node = scope.tree.node(&path).ok_or(XsError::NoEntry)?;
    reply.extend_from_slice(node.value());
    Ok(())
}

/// `path|` -> `child|child|...`; E2BIG where that does not fit.
pub(super) fn directory(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let path = scope.path(one_string(payload).ok_or(XsError::Invalid)?)?;
    scope.check(&path, Rights::READ)?;
    let node = scope.tree.node(&path).ok_or(XsError::NoEntry)?;
    reply.extend_from_slice(&node.listing());
    Ok(())
}

/// `path|offset|` -> `generation|child|child|...`, with an empty name after the last child.
pub(super) fn directory_part(payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    let mut fields = strings(payload);
    let (Some(path), Some(offset), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err(XsError::Invalid);
    };
    let path = scope.path(path)?;
    scope.check(&path, Rights::READ)?;
    let node = scope.tree.node(&path).ok_or(XsError::NoEntry)?;
    let generation = format!("{}\0", node.children_generation());
    let listing = node.listing();
    let offset = usize::try_from(atoi(offset)).unwrap_or(usize::MAX);
    let rest = listing.get(offset..).unwrap_or_default();
    let part = whole_names(rest, PAYLOAD_MAX - generation.len() - 1);
    reply.extend_from_slice(generation.as_bytes());
    reply.extend_from_slice(part);
    if part.len() == rest.len() {
        reply.push(0);
    }
    Ok(())
}

/// As many NUL-ended names as fit into `max` bytes.
fn whole_names(names: &[u8], max: usize) -> &[u8] {
    let head = names.get(..max).unwrap_or(names);
    let end = head.iter().rposition(|byte| *byte == 0).map_or(0, |last| last + 1);
    head.get(..end).unwrap_or_default()
}
