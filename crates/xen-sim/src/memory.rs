//! Pages: who has how many, and how a domain gets them.
//!
//! ```text
//!   populate:  heap --(claim, max_pages, contiguity)--> tot_pages --(paging pool has room for tables)--> p2m
//! ```

use xen_abi::{DomId, Errno, Release};

use crate::domain::Life;
use crate::heap::{ORDER_1GIB, ORDER_2MIB};
use crate::p2m::Removed;
use crate::page::Page;
use crate::xen::Xen;

impl Xen {
    /// Puts memory behind `2^order` gfns from `gfn` on, as one extent of `populate_physmap`. An error ends the call with a short count.
    pub(crate) fn populate_extent(&mut self, domid: DomId, gfn: u64, order: u32) -> Result<(), Errno> {
        let added = 1_u64 << order;
        let domain = self.domains.get_mut(&domid).ok_or(Errno::ESRCH)?;
        if domain.life != Life::Alive {
            return Err(Errno::EINVAL);
        }
        if domain.tot_pages.checked_add(added).is_none_or(|pages| pages > domain.max_pages) {
            return Err(Errno::E2BIG);
        }
        self.heap.take(order, domain.claim)?;
        domain.tot_pages += added;
        let redeemed = domain.claim.min(added);
        domain.claim -= redeemed;
        self.heap.claimed -= redeemed;
        match order {
            0..ORDER_2MIB => {}
            ORDER_2MIB..ORDER_1GIB => domain.extents.1 += 1,
            _ => domain.extents.0 += 1,
        }
        let tables = domain.p2m.missing_tables(gfn, order).len() as u64;
        if domain.is_hvm() && domain.p2m.table_count() + tables > domain.pool.pages {
            // The pages are the domain's by now and stay so. Until 4.15 nobody looked at the failure (xen/common/memory.c).
            return if self.release < Release::V4_16 { Ok(()) } else { Err(Errno::ENOMEM) };
        }
        domain.p2m.add(gfn, order);
        Ok(())
    }

    /// Takes the page at a gfn from the domain, back to the heap.
    pub(crate) fn remove_page(&mut self, domid: DomId, gfn: u64) -> Result<(), Errno> {
        let held = self.is_mapped(domid, gfn);
        if self.take_promise(domid, gfn)? {
            return Ok(());
        }
        let domain = self.domain_mut(domid)?;
        match domain.p2m.remove(gfn) {
            None => Err(Errno::ENOENT),
            Some(Removed::Special) => Ok(()),
            // A page that somebody maps stays the domain's until it is unmapped; the simulator keeps it until the domain dies.
            Some(Removed::Own) if held => Ok(()),
            // It stays the domain's where gfns still wait for a page.
            Some(Removed::Own) if domain.p2m.promises() > domain.pod_cache => {
                domain.pod_cache += 1;
                Ok(())
            }
            Some(Removed::Own) => {
                domain.tot_pages -= 1;
                self.heap.give(1);
                Ok(())
            }
        }
    }

    /// Sets or, with zero, drops a domain's claim.
    pub(crate) fn claim_pages(&mut self, domid: DomId, wanted: u64) -> Result<(), Errno> {
        let available = self.heap.free.saturating_sub(self.heap.claimed);
        let domain = self.domains.get_mut(&domid).ok_or(Errno::EINVAL)?;
        if wanted == 0 {
            self.heap.claimed -= domain.claim;
            domain.claim = 0;
            return Ok(());
        }
        if domain.claim != 0 || wanted <= domain.tot_pages || wanted > domain.max_pages {
            return Err(Errno::EINVAL);
        }
        let claim = wanted - domain.tot_pages;
        if claim > available {
            return Err(Errno::ENOMEM);
        }
        domain.claim = claim;
        self.heap.claimed += claim;
        Ok(())
    }

    /// Makes a domain's paging pool this many pages. The tables in use cannot leave it.
    pub(crate) fn set_paging_pool(&mut self, domid: DomId, wanted: u64) -> Result<(), Errno> {
        let domain = self.domains.get_mut(&domid).ok_or(Errno::ESRCH)?;
        let had = domain.pool.pages;
        if wanted < domain.p2m.table_count() {
            return Err(Errno::ENOMEM);
        }
        if wanted > had {
            // Xen takes page by page and keeps what it got when memory runs out.
            let room = self.heap.free.saturating_sub(self.heap.claimed);
            let taken = (wanted - had).min(room);
            self.heap.take_unclaimed(taken)?;
            domain.pool.pages += taken;
            return if taken == wanted - had { Ok(()) } else { Err(Errno::ENOMEM) };
        }
        self.heap.give(had - wanted);
        domain.pool.pages = wanted;
        Ok(())
    }

    /// The page at a gfn.
    pub(crate) fn guest_page(&mut self, domid: DomId, gfn: u64) -> Option<Page> {
        self.keep_promise(domid, gfn);
        self.domains.get_mut(&domid)?.p2m.page(gfn)
    }
}
