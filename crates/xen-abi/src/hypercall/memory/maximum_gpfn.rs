//! `XENMEM_maximum_gpfn`: the highest frame that a domain has. 4.19 gave the argument a name; its first bytes are the domid in every release.

use super::{MAXIMUM_GPFN, call};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::layout::Field;
use crate::names::{DomId, Gfn};
use crate::release::Release;

/// The whole argument, a `domid_t` (public/memory.h).
pub const DOMID: Field = Field::u16(0);

/// Asks for the highest frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaximumGpfn {
    /// The domain.
    pub domid: DomId,
}

impl Operation for MaximumGpfn {
    type Reply = Gfn;

    fn encode(&self, _: &Release) -> Result<Call, OperationError> {
        Ok(call(MAXIMUM_GPFN, Direction::In, self.domid.0.to_le_bytes().to_vec()))
    }

    fn decode(&self, _: &Release, value: i64, _: &Call) -> Result<Gfn, OperationError> {
        let gfn = u64::try_from(value);
        gfn.map(Gfn).map_err(|_| OperationError::Malformed(format!("{value} as the highest frame")))
    }
}
