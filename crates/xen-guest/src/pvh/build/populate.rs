//! Gives the domain its memory, in the largest extents that fit and that the host has.
//!
//! ```text
//!   span --runs--> 1 GiB runs, 2 MiB runs, 4 KiB runs, by alignment
//!   run  --------> Xen populates a prefix; the rest of the batch is tried in the next smaller size
//! ```
//!
//! The small pages at the ends of spans and those outside RAM go into one call.

use std::ops::Range;

use xen_abi::hypercall::memory::reservation::MemFlags;
use xen_abi::{DomId, Gfn};
use xen_hv::Xen;

use super::BuildError;
use crate::pvh::layout::{Layout, Span};

/// `log2` of the pages of an extent, and how many extents a call may have: so few that trying the rest of a batch in smaller extents stays
/// cheap, and so many that a common domain needs one call.
struct Size {
    order: u32,
    batch: usize,
}

/// 1 GiB, 2 MiB and 4 KiB.
const SIZES: [Size; 3] = [Size { order: 18, batch: 64 }, Size { order: 9, batch: 1024 }, Size { order: 0, batch: 32768 }];

/// Frames of one extent size.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    /// Index into [`SIZES`].
    size: usize,
    /// Frames, both ends aligned to the size.
    frames: Range<u64>,
}

/// Populates all pages of the layout.
pub fn populate(xen: &Xen, domid: DomId, layout: &Layout) -> Result<(), BuildError> {
    let target = Target { xen, domid };
    let mut small: Vec<Gfn> = Vec::new();
    for span in [Some(layout.low_ram), layout.high_ram].into_iter().flatten() {
        for run in runs(frames(span), 0) {
            match SIZES.get(run.size) {
                Some(Size { order: 0, .. }) => small.extend(run.frames.map(Gfn)),
                _ => target.run(&run)?,
            }
        }
    }
    small.extend(layout.extra_gfns().into_iter().map(Gfn));
    target.single(&small)
}

fn frames(span: Span) -> Range<u64> {
    span.start >> 12..span.end() >> 12
}

/// Splits frames into runs of the sizes from `size` on: what is not aligned to a size goes to smaller ones at both ends.
fn runs(frames: Range<u64>, size: usize) -> Vec<Run> {
    let Some(Size { order, .. }) = SIZES.get(size) else {
        return Vec::new();
    };
    let pages = 1u64 << order;
    let middle = frames.start.next_multiple_of(pages)..frames.end / pages * pages;
    if frames.is_empty() {
        return Vec::new();
    }
    if middle.is_empty() {
        return runs(frames, size + 1);
    }
    let mut all = runs(frames.start..middle.start, size + 1);
    all.push(Run { size, frames: middle.clone() });
    all.extend(runs(middle.end..frames.end, size + 1));
    all
}

struct Target<'a> {
    xen: &'a Xen,
    domid: DomId,
}

impl Target<'_> {
    fn run(&self, run: &Run) -> Result<(), BuildError> {
        let Some(Size { order, batch }) = SIZES.get(run.size) else {
            return Ok(());
        };
        if *order == 0 {
            let frames: Vec<Gfn> = run.frames.clone().map(Gfn).collect();
            return self.single(&frames);
        }
        let extents: Vec<Gfn> = run.frames.clone().step_by(1 << order).map(Gfn).collect();
        for batch in extents.chunks(*batch) {
            let done = self.xen.populate_physmap(self.domid, *order, MemFlags(0), batch)?;
            let Some((first, last)) = batch.get(done).zip(batch.last()) else {
                continue;
            };
            // The host has no more extents of this size, or they are too scattered: the same frames in smaller ones.
            for rest in runs(first.0..last.0 + (1 << order), run.size + 1) {
                self.run(&rest)?;
            }
        }
        Ok(())
    }

    /// 4 KiB pages: there is nothing smaller to try.
    fn single(&self, frames: &[Gfn]) -> Result<(), BuildError> {
        let batch = SIZES.last().map_or(1, |size| size.batch);
        for (index, pages) in frames.chunks(batch).enumerate() {
            let done = self.xen.populate_physmap(self.domid, 0, MemFlags(0), pages)?;
            if done < pages.len() {
                let missing = frames.len() - index * batch - done;
                return Err(BuildError::OutOfMemory { domid: self.domid, missing_kib: missing as u64 * 4 });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const G: u64 = 1 << 18;
    const M: u64 = 1 << 9;

    #[test]
    fn runs_take_the_largest_aligned_extents() {
        type Case = (Range<u64>, &'static [(usize, Range<u64>)]);
        let cases: [Case; 6] = [
            (0..M, &[(1, 0..M)]),
            (0..G, &[(0, 0..G)]),
            (0..G + 3, &[(0, 0..G), (2, G..G + 3)]),
            (0..3 * G + 480 * M, &[(0, 0..3 * G), (1, 3 * G..3 * G + 480 * M)]),
            (1..2 * M + 1, &[(2, 1..M), (1, M..2 * M), (2, 2 * M..2 * M + 1)]),
            (5..5, &[]),
        ];
        for (frames, expected) in cases {
            let expected: Vec<Run> = expected.iter().map(|(size, frames)| Run { size: *size, frames: frames.clone() }).collect();
            assert_eq!(runs(frames.clone(), 0), expected, "{frames:?}");
        }
    }

    proptest! {
        #[test]
        fn runs_cover_each_frame_once(start in 0u64..4 * G, pages in 0u64..8 * G, size in 0usize..3) {
            let mut next = start;
            for run in runs(start..start + pages, size) {
                prop_assert!(run.size >= size);
                let extent = 1u64 << SIZES[run.size].order;
                prop_assert_eq!(run.frames.start, next);
                prop_assert!(run.frames.start.is_multiple_of(extent) && run.frames.end.is_multiple_of(extent));
                prop_assert!(!run.frames.is_empty());
                next = run.frames.end;
            }
            prop_assert_eq!(next, start + pages);
        }
    }
}
