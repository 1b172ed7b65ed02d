//! The plan of a rename: another name, and for a domain that makes room for its successor another uuid.

use xen_abi::DomId;

use super::Plan;
use crate::journal::RenameEntry;
use crate::step::{NameNodes, ReplaceRecord, SetHandle, Step};

/// The steps that make the domain somebody else.
#[must_use]
pub fn rename(entry: &RenameEntry) -> Plan {
    let RenameEntry { domid, from, to, .. } = entry;
    let domid = DomId(*domid);
    let mut steps: Vec<Step> = Vec::new();
    if from.uuid != to.uuid {
        steps.push(SetHandle { domid, from: from.uuid, to: to.uuid }.into());
    }
    steps.push(NameNodes { domid, from: from.clone(), to: to.clone() }.into());
    if let (Some(before), Some(after)) = (entry.record.clone(), entry.renamed()) {
        steps.push(ReplaceRecord { from: before, to: after }.into());
    }
    Plan { steps, whole_from: 0 }
}
