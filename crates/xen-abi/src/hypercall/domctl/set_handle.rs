//! `XEN_DOMCTL_setdomainhandle`: another uuid for a domain that is there.

use super::{Request, SETDOMAINHANDLE};
use crate::call::{Call, Operation, OperationError};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_domctl_setdomainhandle", size 16 {
        /// The uuid.
        HANDLE: [16] = "handle" @ 0;
    }
}

/// Sets the uuid. Xen neither reads it nor minds that another domain has the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetDomainHandle {
    /// The domain.
    pub domid: DomId,
    /// The uuid.
    pub handle: [u8; 16],
}

impl Operation for SetDomainHandle {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mut request = Request::new(release, SETDOMAINHANDLE, self.domid)?;
        HANDLE.put_bytes(release, request.body()?, &self.handle)?;
        Ok(request.call())
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
