//! The memory that Xen keeps a domain's own page tables in: two routes for one thing.
//!
//! | releases | operation | unit |
//! | --- | --- | --- |
//! | up to 4.16 | `XEN_DOMCTL_shadow_op` with `SET_ALLOCATION` and `GET_ALLOCATION` | MiB |
//! | from 4.17 | `XEN_DOMCTL_set_paging_mempool_size` and `get` | bytes, a multiple of the page size (EINVAL) |
//!
//! It must be set before any guest memory is populated, otherwise a large guest fails with ENOMEM.

use super::{GET_PAGING_MEMPOOL_SIZE, Request, SET_PAGING_MEMPOOL_SIZE, body};
use crate::call::{Call, Operation, OperationError};
use crate::names::{DomId, PAGE_SIZE};
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The body of the older route.
    SHADOW_RECORD = "struct xen_domctl_shadow_op", size 40 {
        /// Which shadow operation.
        SHADOW_OP: u32 = "op" @ 0;
        /// The pool in MiB.
        SHADOW_MB: u32 = "mb" @ 8;
    }
}

record! {
    /// The body of the newer route.
    MEMPOOL_RECORD = "struct xen_domctl_paging_mempool", size [V4_17: 8] {
        /// The pool in bytes.
        MEMPOOL_SIZE: u64 = "size" @ [V4_17: 0];
    }
}

constants! {
    /// The two shadow operations that we use.
    SHADOW_OPS: u32 {
        /// Reads the pool's size.
        SHADOW_GET_ALLOCATION = XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, 30;
        /// Sets the pool's size.
        SHADOW_SET_ALLOCATION = XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION, 31;
    }
}

const MIB: u64 = 1 << 20;

/// Sets the pool's size; on the older route it is rounded up to a MiB, on the newer one to a page. ENOMEM may leave it part of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetPagingPool {
    /// The domain.
    pub domid: DomId,
    /// The size in bytes.
    pub bytes: u64,
}

impl Operation for SetPagingPool {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        if release.sizes_paging_pool_in_bytes() {
            let bytes = self.bytes.div_ceil(PAGE_SIZE as u64).saturating_mul(PAGE_SIZE as u64);
            return Ok(Request::new(release, SET_PAGING_MEMPOOL_SIZE, self.domid)?.with(&MEMPOOL_SIZE, bytes)?.call());
        }
        let request = Request::new(release, super::SHADOW_OP, self.domid)?;
        let request = request.with(&SHADOW_OP, SHADOW_SET_ALLOCATION.into())?;
        Ok(request.with(&SHADOW_MB, self.bytes.div_ceil(MIB))?.call())
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}

/// Reads the pool's size in bytes; on the older route to the MiB above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetPagingPool {
    /// The domain.
    pub domid: DomId,
}

impl Operation for GetPagingPool {
    type Reply = u64;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        if release.sizes_paging_pool_in_bytes() {
            return Ok(Request::new(release, GET_PAGING_MEMPOOL_SIZE, self.domid)?.call());
        }
        let request = Request::new(release, super::SHADOW_OP, self.domid)?;
        Ok(request.with(&SHADOW_OP, SHADOW_GET_ALLOCATION.into())?.call())
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<u64, OperationError> {
        if release.sizes_paging_pool_in_bytes() {
            return MEMPOOL_SIZE.get(release, body(call)?);
        }
        Ok(SHADOW_MB.get(release, body(call)?)?.saturating_mul(MIB))
    }
}
