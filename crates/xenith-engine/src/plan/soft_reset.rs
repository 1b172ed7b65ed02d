//! The plan of a soft reset: the domain keeps its memory, its vcpus go on, and all that ties it to the host is made anew.

use std::time::Duration;

use xen_abi::DomId;

use super::{PEERS, Plan, SLACK_KIB, tail};
use crate::journal::SoftResetEntry;
use crate::step::{ClearRings, EventChannels, MaxMem, Release, SeedGrants, SetHvmParams, SoftReset, Step};

/// The steps that let the domain go on.
#[must_use]
pub fn soft_reset(entry: &SoftResetEntry) -> Plan {
    let SoftResetEntry { uuid, domid, started_ms, quick_restarts, config } = entry;
    let mut steps: Vec<Step> = vec![
        SoftReset { uuid: *uuid, domid: DomId(*domid) }.into(),
        Release.into(),
        // A resize is forgotten.
        MaxMem { max_kib: config.memory_kib + SLACK_KIB }.into(),
        ClearRings.into(),
        EventChannels { store: PEERS.store, console: PEERS.console }.into(),
        SetHvmParams.into(),
        SeedGrants { peers: PEERS }.into(),
    ];
    steps.extend(tail(config, *uuid, Duration::from_millis(*started_ms), false, *quick_restarts));
    Plan { steps, whole_from: 0 }
}
