//! The plan of a destroy: the same for a domain of ours, for somebody else's, and for the rest of one that an earlier daemon began to destroy.

use uuid::Uuid;
use xen_abi::DomId;

use super::Plan;
use crate::step::{AwaitGone, DestroyDomain, Forget, RemoveNodes};

/// The steps that destroy the domain with this handle.
#[must_use]
pub fn destroy(uuid: Uuid, domid: DomId) -> Plan {
    let steps = vec![
        DestroyDomain { uuid, domid }.into(),
        RemoveNodes { uuid, domid }.into(),
        AwaitGone { uuid, domid }.into(),
        Forget { uuid }.into(),
    ];
    Plan { steps, whole_from: 0 }
}
