//! Empties the ring pages of a domain that starts over.

use xen_abi::names::PAGE_SIZE;
use xen_abi::{DomId, Gfn};
use xen_hv::{Access, ForeignMemory};

use super::BuildError;
use crate::pvh::layout::{CONSOLE_GFN, STORE_GFN};

/// Fills both pages with zero, as they were when the domain was made.
pub fn clear_rings(memory: &dyn ForeignMemory, domid: DomId) -> Result<(), BuildError> {
    let frames = [Gfn(STORE_GFN), Gfn(CONSOLE_GFN)];
    let pages = memory.map(domid, &frames, Access::ReadWrite).map_err(|source| BuildError::Map { domid, what: "its rings", source })?;
    pages.zero(0, frames.len() * PAGE_SIZE).map_err(BuildError::write(domid, STORE_GFN << 12))
}
