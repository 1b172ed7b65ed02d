//! Seeds the domain's grant table: entry 0 gives the console ring to its backend, entry 1 the xenstore ring.
//!
//! Store and console then map by grant and need no right to foreign memory. The table's frame is mapped as a resource; where Xen or the
//! kernel is too old for that, it is put at a free frame of the domain for a moment.

use xen_abi::boot::grant_entry::{DOMID, FLAGS, FRAME, PERMIT_ACCESS, RESERVED_CONSOLE, RESERVED_XENSTORE, SIZE};
use xen_abi::hypercall::memory::physmap::MapSpace;
use xen_abi::layout::OutOfRecord;
use xen_abi::{DomId, Errno, Gfn};
use xen_hv::{Access, ForeignMemory, MapError, Resource, SharedPages, Xen};

use super::BuildError;
use crate::pvh::layout::{CONSOLE_GFN, STORE_GFN};

/// A special page that is never populated: the paging ring's (libxl's special page 0).
const SCRATCH: Gfn = Gfn(0xfeff8);

/// Who serves the domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peers {
    /// The domain of the store.
    pub store: DomId,
    /// The domain of the console.
    pub console: DomId,
}

/// Writes the two entries. A domain that serves itself needs none.
pub fn grants(xen: &Xen, memory: &dyn ForeignMemory, domid: DomId, peers: Peers) -> Result<(), BuildError> {
    match memory.map_resource(domid, Resource::GrantTable, 0, 1) {
        Ok(table) => seed(&*table, domid, peers),
        Err(error) if is_too_old(&error) => through_scratch(xen, memory, domid, peers),
        Err(source) => Err(BuildError::Map { domid, what: "its grant table", source }),
    }
}

fn is_too_old(error: &MapError) -> bool {
    // ENOTTY is not in Xen's list: it is Linux's "no such ioctl".
    const ENOTTY: Errno = Errno(25);
    match error {
        MapError::Seam(seam) => matches!(seam.errno(), Some(Errno::EOPNOTSUPP | Errno::ENOSYS | ENOTTY)),
        MapError::Frames { .. } => false,
    }
}

fn through_scratch(xen: &Xen, memory: &dyn ForeignMemory, domid: DomId, peers: Peers) -> Result<(), BuildError> {
    xen.add_to_physmap(domid, MapSpace::GrantTable, 0, SCRATCH)?;
    let outcome = memory
        .map(domid, &[SCRATCH], Access::ReadWrite)
        .map_err(|source| BuildError::Map { domid, what: "its grant table", source })
        .and_then(|table| seed(&*table, domid, peers));
    // Taken away whatever became of the seeding, which is told first.
    let removed = xen.remove_from_physmap(domid, SCRATCH);
    outcome?;
    Ok(removed?)
}

fn seed(table: &dyn SharedPages, domid: DomId, peers: Peers) -> Result<(), BuildError> {
    for (index, peer, frame) in [(RESERVED_CONSOLE, peers.console, CONSOLE_GFN), (RESERVED_XENSTORE, peers.store, STORE_GFN)] {
        if peer != domid {
            let entry = entry(peer, frame).map_err(BuildError::record(domid))?;
            table.write(index * SIZE, &entry).map_err(BuildError::write(domid, frame << 12))?;
        }
    }
    Ok(())
}

fn entry(peer: DomId, frame: u64) -> Result<[u8; SIZE], OutOfRecord> {
    let mut entry = [0; SIZE];
    FLAGS.put(&mut entry, PERMIT_ACCESS.into())?;
    DOMID.put(&mut entry, peer.0.into())?;
    FRAME.put(&mut entry, frame)?;
    Ok(entry)
}
