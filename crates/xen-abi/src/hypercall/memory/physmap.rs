//! `XENMEM_add_to_physmap` and `XENMEM_remove_from_physmap`: gives a domain's frame number a page that Xen already has.

use super::{ADD_TO_PHYSMAP, REMOVE_FROM_PHYSMAP, call};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::names::{DomId, Gfn};
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The argument of add.
    ADD_RECORD = "struct xen_add_to_physmap", size 24 {
        /// Whose frame.
        ADD_DOMID: u16 = "domid" @ 0;
        /// [`MapSpace`].
        ADD_SPACE: u32 = "space" @ 4;
        /// Which page of the space.
        ADD_IDX: u64 = "idx" @ 8;
        /// The frame.
        ADD_GPFN: u64 = "gpfn" @ 16;
    }
}

record! {
    /// The argument of remove.
    REMOVE_RECORD = "struct xen_remove_from_physmap", size 16 {
        /// Whose frame.
        REMOVE_DOMID: u16 = "domid" @ 0;
        /// The frame.
        REMOVE_GPFN: u64 = "gpfn" @ 8;
    }
}

constants! {
    /// The spaces.
    SPACES: u32 {
        /// [`MapSpace::SharedInfo`].
        SPACE_SHARED_INFO = XENMAPSPACE_shared_info, 0;
        /// [`MapSpace::GrantTable`].
        SPACE_GRANT_TABLE = XENMAPSPACE_grant_table, 1;
    }
}

/// What kind of page is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapSpace {
    /// The shared info page.
    SharedInfo,
    /// A frame of the domain's grant table.
    GrantTable,
}

/// Puts a page of a space at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddToPhysmap {
    /// Whose frame.
    pub domid: DomId,
    /// What kind of page.
    pub space: MapSpace,
    /// Which page of the space.
    pub index: u64,
    /// The frame.
    pub gfn: Gfn,
}

impl Operation for AddToPhysmap {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let space = match self.space {
            MapSpace::SharedInfo => SPACE_SHARED_INFO,
            MapSpace::GrantTable => SPACE_GRANT_TABLE,
        };
        let mut record = ADD_RECORD.zeroed(release)?;
        ADD_DOMID.put(release, &mut record, self.domid.0.into())?;
        ADD_SPACE.put(release, &mut record, space.into())?;
        ADD_IDX.put(release, &mut record, self.index)?;
        ADD_GPFN.put(release, &mut record, self.gfn.0)?;
        Ok(call(ADD_TO_PHYSMAP, Direction::In, record))
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}

/// Takes the page at a frame away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoveFromPhysmap {
    /// Whose frame.
    pub domid: DomId,
    /// The frame.
    pub gfn: Gfn,
}

impl Operation for RemoveFromPhysmap {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mut record = REMOVE_RECORD.zeroed(release)?;
        REMOVE_DOMID.put(release, &mut record, self.domid.0.into())?;
        REMOVE_GPFN.put(release, &mut record, self.gfn.0)?;
        Ok(call(REMOVE_FROM_PHYSMAP, Direction::In, record))
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
