//! `XEN_DOMCTL_max_vcpus`: allocates a domain's vcpus.

use super::{MAX_VCPUS, Request};
use crate::call::{Call, Operation, OperationError};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_domctl_max_vcpus", size 4 {
        /// How many.
        MAX: u32 = "max" @ 0;
    }
}

/// Allocates the vcpus. The number must be the one given to createdomain (EINVAL otherwise), and the call must still be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxVcpus {
    /// The domain.
    pub domid: DomId,
    /// How many.
    pub max: u32,
}

impl Operation for MaxVcpus {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        Ok(Request::new(release, MAX_VCPUS, self.domid)?.with(&MAX, self.max.into())?.call())
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
