//! The host's free memory, as Xen's page allocator counts it.
//!
//! ```text
//!   total = dom0 + Xen itself + domains + free
//!   free  = claimed by somebody + available to anybody
//! ```
//!
//! A claim is a promise to one domain: others get no page of it (xen/common/page_alloc.c). Superpages can run out before pages do.

use xen_abi::Errno;

/// `log2` of the pages in a 1 GiB extent.
pub(crate) const ORDER_1GIB: u32 = 18;
/// `log2` of the pages in a 2 MiB extent.
pub(crate) const ORDER_2MIB: u32 = 9;

/// Counters of the page allocator; units are 4 KiB pages.
#[derive(Clone, Debug)]
pub(crate) struct Heap {
    pub(crate) total: u64,
    pub(crate) free: u64,
    pub(crate) claimed: u64,
    /// How many contiguous 1 GiB extents are left; no limit but free memory where absent.
    giants: Option<u64>,
    /// The same for 2 MiB.
    larges: Option<u64>,
}

impl Heap {
    pub(crate) fn new(total: u64, free: u64, giants: Option<u64>, larges: Option<u64>) -> Heap {
        Heap { total, free, claimed: 0, giants, larges }
    }

    /// Takes `2^order` contiguous pages for a domain whose own claim is `claim` pages. `ENOMEM` where they are not there.
    pub(crate) fn take(&mut self, order: u32, claim: u64) -> Result<(), Errno> {
        let pages = 1_u64 << order;
        self.check(pages, claim)?;
        let extents = match order {
            0..ORDER_2MIB => None,
            ORDER_2MIB..ORDER_1GIB => self.larges.as_mut(),
            _ => self.giants.as_mut(),
        };
        if let Some(extents) = extents {
            *extents = extents.checked_sub(1).ok_or(Errno::ENOMEM)?;
        }
        self.free -= pages;
        Ok(())
    }

    /// Takes single pages that belong to no claim: Xen's own structures and paging pools.
    pub(crate) fn take_unclaimed(&mut self, pages: u64) -> Result<(), Errno> {
        self.check(pages, 0)?;
        self.free -= pages;
        Ok(())
    }

    fn check(&self, pages: u64, claim: u64) -> Result<(), Errno> {
        let promised_away = self.claimed.saturating_add(pages) > self.free && claim < pages;
        if pages > self.free || promised_away { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Gives pages back.
    pub(crate) fn give(&mut self, pages: u64) {
        self.free += pages;
    }

    /// Gives the contiguity of extents back, once the domain that held them has died.
    pub(crate) fn give_extents(&mut self, giants: u64, larges: u64) {
        if let Some(left) = self.giants.as_mut() {
            *left += giants;
        }
        if let Some(left) = self.larges.as_mut() {
            *left += larges;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_kept_from_others() {
        let mut heap = Heap::new(100, 100, None, None);
        heap.claimed = 90;
        for (order, claim, expected) in [(3, 0, Ok(())), (3, 0, Err(Errno::ENOMEM)), (3, 90, Ok(()))] {
            assert_eq!(heap.take(order, claim), expected, "order {order}, claim {claim}");
        }
        assert_eq!(heap.free, 84);
    }

    #[test]
    fn superpages_run_out_before_pages() {
        let mut heap = Heap::new(1 << 20, 1 << 20, Some(1), Some(2));
        let taken: Vec<bool> =
            [ORDER_1GIB, ORDER_1GIB, ORDER_2MIB, ORDER_2MIB, ORDER_2MIB, 0].map(|order| heap.take(order, 0).is_ok()).into();
        assert_eq!(taken, [true, false, true, true, false, true]);
        heap.give_extents(1, 0);
        assert!(heap.take(ORDER_1GIB, 0).is_ok());
    }
}
