//! `XEN_DOMCTL_max_mem`: how much memory a domain may have.

use super::{MAX_MEM, Request};
use crate::call::{Call, Operation, OperationError};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_domctl_max_mem", size 8 {
        /// The bound in KiB.
        MAX_MEMKB: u64 = "max_memkb" @ 0;
    }
}

/// Sets the bound. It covers guest memory and the special pages, not the paging pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxMem {
    /// The domain.
    pub domid: DomId,
    /// The bound in KiB.
    pub max_kib: u64,
}

impl Operation for MaxMem {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        Ok(Request::new(release, MAX_MEM, self.domid)?.with(&MAX_MEMKB, self.max_kib)?.call())
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
