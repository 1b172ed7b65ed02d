//! Populate on demand: gfns that get a page when they are first touched, and pages that the domain holds for them (xen/arch/x86/mm/p2m-pod.c).
//!
//! ```text
//!   total = populated + cache
//!
//!   promised                entries + 1
//!   target T                cache = T - populated, no more than entries and no less than it was
//!   an entry is touched     entries - 1, cache - 1
//!   an entry is given back  entries - 1, cache down to entries
//!   a page is given back    cache + 1 where that is below entries, else to the heap
//! ```
//!
//! Xen also looks for pages of zeros when the cache is empty, and crashes the domain where it finds none; here an entry then stays without a page.

use xen_abi::{DomId, Errno};

use crate::domain::Life;
use crate::xen::Xen;

impl Xen {
    /// Promises memory to gfns up to `end`, excluded, as one extent of `populate_physmap`.
    pub(crate) fn promise_extent(&mut self, domid: DomId, gfn: u64, end: u64) -> Result<(), Errno> {
        let domain = self.domain_mut(domid)?;
        if !domain.is_hvm() {
            return Err(Errno::EINVAL);
        }
        if (gfn..end).any(|gfn| domain.p2m.populated(gfn)) {
            return Err(Errno::EBUSY);
        }
        (gfn..end).for_each(|gfn| domain.p2m.promise(gfn));
        Ok(())
    }

    /// Fills a domain's cache up to what it shall have. `ENOMEM` where pages run out on the way: what it got it keeps.
    pub(crate) fn set_pod_target(&mut self, domid: DomId, target: u64) -> Result<(), Errno> {
        let domain = self.domain(domid)?;
        let (total, entries) = (domain.tot_pages, domain.p2m.promises());
        let populated = total - domain.pod_cache;
        if populated > 0 && entries == 0 || domain.life != Life::Alive || target < total {
            return Ok(());
        }
        let wanted = target - populated;
        let wanted = if populated > 0 { wanted.min(entries) } else { wanted };
        (domain.pod_cache..wanted).try_for_each(|_| self.grow_cache(domid))
    }

    fn grow_cache(&mut self, domid: DomId) -> Result<(), Errno> {
        let domain = self.domains.get_mut(&domid).ok_or(Errno::ESRCH)?;
        if domain.tot_pages >= domain.max_pages {
            return Err(Errno::ENOMEM);
        }
        self.heap.take(0, domain.claim)?;
        let redeemed = domain.claim.min(1);
        domain.claim -= redeemed;
        self.heap.claimed -= redeemed;
        domain.tot_pages += 1;
        domain.pod_cache += 1;
        Ok(())
    }

    /// A gfn is touched.
    pub(crate) fn keep_promise(&mut self, domid: DomId, gfn: u64) {
        let Some(domain) = self.domains.get_mut(&domid) else { return };
        if domain.pod_cache > 0 && domain.p2m.is_promised(gfn) {
            domain.pod_cache -= 1;
            domain.p2m.add(gfn, 0);
        }
    }

    /// A promised gfn is given back; tells whether it was one.
    pub(crate) fn take_promise(&mut self, domid: DomId, gfn: u64) -> Result<bool, Errno> {
        let domain = self.domains.get_mut(&domid).ok_or(Errno::ESRCH)?;
        let taken = domain.p2m.break_promise(gfn);
        let surplus = domain.pod_cache.saturating_sub(domain.p2m.promises());
        if taken && surplus > 0 {
            domain.pod_cache -= surplus;
            domain.tot_pages -= surplus;
            self.heap.give(surplus);
        }
        Ok(taken)
    }
}
