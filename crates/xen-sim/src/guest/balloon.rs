//! The balloon: pages of RAM that the guest gave back to Xen, and takes again, from the top of its memory down.
//!
//! ```text
//!   RAM of the memory map   [..........................|xxxxxxxxxx]   x: given back
//!                                                      ^ RAM - target
//! ```
//!
//! It wants what its target says, and tries again whenever it runs where Xen refuses: the bound may rise later (Linux does the same with a timer).

use xen_abi::DomId;

use crate::xen::Xen;

/// The balloon of one guest.
#[derive(Debug, Default)]
pub(super) struct Balloon {
    /// First and last gfn of each range of RAM, the last one excluded, in order.
    ram: Vec<(u64, u64)>,
    /// How many pages are given back.
    out: u64,
    /// How many shall be.
    wanted: u64,
}

impl Balloon {
    pub(super) fn new(mut ram: Vec<(u64, u64)>) -> Balloon {
        ram.sort_unstable();
        Balloon { ram, out: 0, wanted: 0 }
    }

    /// The toolstack wants the guest to have this much.
    pub(super) fn aim(&mut self, target_kib: u64) {
        let pages: u64 = self.ram.iter().map(|(start, end)| end - start).sum();
        self.wanted = pages.saturating_sub(target_kib / 4);
    }

    /// Gives back, or takes, what is missing.
    pub(super) fn turn(&mut self, xen: &mut Xen, domid: DomId) {
        while self.out < self.wanted {
            let Some(gfn) = self.nth_from_top(self.out) else { return };
            let _ = xen.remove_page(domid, gfn);
            self.out += 1;
        }
        while self.out > self.wanted {
            let Some(gfn) = self.nth_from_top(self.out - 1) else { return };
            if xen.populate_extent(domid, gfn, 0).is_err() {
                return;
            }
            self.out -= 1;
        }
    }

    /// The gfn of RAM with so many above it.
    fn nth_from_top(&self, mut above: u64) -> Option<u64> {
        for (start, end) in self.ram.iter().rev() {
            match (end - start).checked_sub(above + 1) {
                Some(left) => return Some(start + left),
                None => above -= end - start,
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_nth_from_top() {
        let balloon = Balloon::new(vec![(0x100, 0x102), (0, 3)]);
        let all: Vec<Option<u64>> = (0..6).map(|above| balloon.nth_from_top(above)).collect();
        assert_eq!(all, [Some(0x101), Some(0x100), Some(2), Some(1), Some(0), None]);
    }

    #[test]
    fn the_target_is_of_all_ram() {
        let mut balloon = Balloon::new(vec![(0, 100)]);
        for (target_kib, wanted) in [(400, 0), (500, 0), (396, 1), (0, 100)] {
            balloon.aim(target_kib);
            assert_eq!(balloon.wanted, wanted, "{target_kib}");
        }
    }
}
