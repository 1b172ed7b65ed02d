//! `XENMEM_populate_physmap`, `XENMEM_decrease_reservation` and `XENMEM_claim_pages`: three uses of one record.

use super::{CLAIM_PAGES, DECREASE_RESERVATION, POPULATE_PHYSMAP, call};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::names::{DomId, Gfn};
use crate::record::{constants, record};
use crate::release::Release;

record! {
    /// The argument.
    RECORD = "struct xen_memory_reservation", size 32 {
        /// Where the list of frames is; in a claim null.
        EXTENT_START: u64 = "extent_start" @ 0;
        /// How many extents; in a claim pages.
        NR_EXTENTS: u64 = "nr_extents" @ 8;
        /// `log2` of the pages in an extent.
        EXTENT_ORDER: u32 = "extent_order" @ 16;
        /// [`MemFlags`].
        MEM_FLAGS: u32 = "mem_flags" @ 20;
        /// Whose memory.
        DOMID: u16 = "domid" @ 24;
    }
}

constants! {
    /// Bits of [`MEM_FLAGS`].
    FLAG_BITS: u32 {
        /// Only promised: the page comes when the guest touches it.
        MEMF_POPULATE_ON_DEMAND = XENMEMF_populate_on_demand, 0x1_0000;
        /// From the node named and no other.
        MEMF_EXACT_NODE_REQUEST = XENMEMF_exact_node_request, 0x2_0000;
    }
}

/// How memory is to be taken, as `XENMEMF_*` bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemFlags(pub u32);

impl MemFlags {
    /// From this NUMA node and no other (`XENMEMF_exact_node`); a node past 254 has no encoding and leaves the choice to Xen.
    #[must_use]
    pub fn exact_node(node: u32) -> MemFlags {
        match node {
            0..=254 => MemFlags((node + 1) << 8 | MEMF_EXACT_NODE_REQUEST),
            _ => MemFlags(0),
        }
    }
}

/// The most frames of one call: what does not fit is the caller's next call.
pub const FRAMES_MAX: usize = 64 << 10;

fn encode(release: &Release, command: u32, domid: DomId, order: u32, flags: MemFlags, frames: &[Gfn]) -> Result<Call, OperationError> {
    if frames.is_empty() || frames.len() > FRAMES_MAX {
        return Err(OperationError::OutOfRange { what: "extents in one call", value: frames.len() as u64, bound: "1 to 65536" });
    }
    let mut record = RECORD.zeroed(release)?;
    NR_EXTENTS.put(release, &mut record, frames.len() as u64)?;
    EXTENT_ORDER.put(release, &mut record, order.into())?;
    MEM_FLAGS.put(release, &mut record, flags.0.into())?;
    DOMID.put(release, &mut record, domid.0.into())?;
    let list = frames.iter().flat_map(|frame| frame.0.to_le_bytes()).collect();
    let pointer = EXTENT_START.field(release).map_or(0, |field| field.offset);
    Ok(call(command, Direction::In, record).buffer(Direction::InOut, list).patch(0, pointer, 1))
}

fn done(value: i64, asked: usize) -> Result<usize, OperationError> {
    let done = usize::try_from(value).ok().filter(|done| *done <= asked);
    done.ok_or_else(|| OperationError::Malformed(format!("{value} extents done of {asked} asked")))
}

/// Gives a domain memory at these frames. The reply is how many extents were populated, from the first on: **fewer than asked is normal**, also none,
/// and the caller goes on with smaller extents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PopulatePhysmap {
    /// Whose memory.
    pub domid: DomId,
    /// `log2` of the pages in an extent: 0, 9 (2 MiB) or 18 (1 GiB).
    pub order: u32,
    /// How it is to be taken.
    pub flags: MemFlags,
    /// The first frame of each extent.
    pub frames: Vec<Gfn>,
}

impl Operation for PopulatePhysmap {
    type Reply = usize;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        encode(release, POPULATE_PHYSMAP, self.domid, self.order, self.flags, &self.frames)
    }

    fn decode(&self, _: &Release, value: i64, _: &Call) -> Result<usize, OperationError> {
        done(value, self.frames.len())
    }
}

/// Takes memory from a domain. The reply is how many extents were taken, from the first on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecreaseReservation {
    /// Whose memory.
    pub domid: DomId,
    /// `log2` of the pages in an extent.
    pub order: u32,
    /// The first frame of each extent.
    pub frames: Vec<Gfn>,
}

impl Operation for DecreaseReservation {
    type Reply = usize;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        encode(release, DECREASE_RESERVATION, self.domid, self.order, MemFlags(0), &self.frames)
    }

    fn decode(&self, _: &Release, value: i64, _: &Call) -> Result<usize, OperationError> {
        done(value, self.frames.len())
    }
}

/// Sets pages aside for a domain, so that populating cannot fail half-way; zero gives back what is not used. EINVAL where the claim exceeds
/// `max_mem`, which is set first, or where there is no such domain. The paging pool is not covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimPages {
    /// For whom.
    pub domid: DomId,
    /// How many pages the domain shall have in all, or zero.
    pub pages: u64,
}

impl Operation for ClaimPages {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let mut record = RECORD.zeroed(release)?;
        NR_EXTENTS.put(release, &mut record, self.pages)?;
        DOMID.put(release, &mut record, self.domid.0.into())?;
        Ok(call(CLAIM_PAGES, Direction::In, record))
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}
