//! The plan of a core dump. A domain that runs stands still meanwhile.

use xen_abi::DomId;

use super::Plan;
use crate::journal::DumpEntry;
use crate::step::{Pause, Step, Unpause, WriteCore};

/// The steps that write the dump.
#[must_use]
pub fn dump(entry: &DumpEntry) -> Plan {
    let DumpEntry { uuid, domid, path, limit_bytes, pause, .. } = entry;
    let domid = DomId(*domid);
    let mut steps: Vec<Step> = vec![WriteCore { uuid: *uuid, domid, path: path.clone(), limit_bytes: *limit_bytes }.into()];
    if *pause {
        steps.insert(0, Pause { uuid: *uuid, domid }.into());
        steps.push(Unpause.into());
    }
    Plan { steps, whole_from: 0 }
}
