//! `/dev/xen/privcmd` as [`ForeignMemory`]: other domains' frames in our address space.
//!
//! ```text
//!   map:           mmap(privcmd) -> MMAPBATCH_V2 over the whole of it -> error per frame
//!                      some frames paged out (ENOENT): ask for those again, a bounded number of times
//!                      any frame failed: all are unmapped, the errors named
//!   map_resource:  mmap(privcmd) -> MMAP_RESOURCE
//! ```
#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::io::Errno as Os;
use xen_abi::names::PAGE_SIZE;
use xen_abi::{DomId, Errno, Gfn};
use xen_hv::{Access, ForeignMemory, MapError, Resource, SeamError, SharedPages};

use crate::ioctl::{MmapBatch, MmapResource, pointing};
use crate::mapping::Mapping;
use crate::privcmd::Privcmd;
use crate::{io_error, refused};

const WHAT: &str = "foreign map";
/// How often frames that the pager holds are asked for again, and how long we wait before each time: 200 ms in all, after which the caller
/// hears ENOENT for those frames.
const PAGED_TRIES: u32 = 200;
const PAGED_WAIT: Duration = Duration::from_millis(1);

impl ForeignMemory for Privcmd {
    fn map(&self, domid: DomId, frames: &[Gfn], access: Access) -> Result<Box<dyn SharedPages>, MapError> {
        let mapping = region(self.node.as_fd(), WHAT, frames.len(), access)?;
        let gfns: Vec<u64> = frames.iter().map(|frame| frame.0).collect();
        let node = self.node.as_fd();
        let ask = |from: usize, gfns: &[u64], errors: &mut [i32]| batch(node, &mapping, domid, from, gfns, errors);
        let errors = map_frames(&gfns, ask, || std::thread::sleep(PAGED_WAIT)).map_err(|error| refused(WHAT, error))?;
        let failed = failures(&errors);
        if failed.is_empty() {
            return Ok(Box::new(mapping));
        }
        Err(MapError::Frames { what: WHAT, domid, total: frames.len(), failed })
    }

    fn map_resource(&self, domid: DomId, resource: Resource, first: u64, count: usize) -> Result<Box<dyn SharedPages>, MapError> {
        const WHAT: &str = "resource map";
        let mapping = region(self.node.as_fd(), WHAT, count, Access::ReadWrite)?;
        let Resource::GrantTable = resource;
        let idx = u32::try_from(first).map_err(|_| bad(WHAT, format!("frame {first} is past the last")))?;
        let mut request = MmapResource { dom: domid.0, kind: 1, id: 0, idx, num: count as u64, addr: mapping.address() };
        // SAFETY: needed to map the resource. The address is that of a region of the node with `count` pages, ours for the whole call.
        unsafe { pointing(self.node.as_fd(), &mut request) }.map_err(|error| refused(WHAT, error))?;
        Ok(Box::new(mapping))
    }
}

/// An address range of the node, still without frames behind it.
fn region(node: BorrowedFd<'_>, what: &'static str, count: usize, access: Access) -> Result<Mapping, SeamError> {
    let length = count
        .checked_mul(PAGE_SIZE)
        .filter(|length| *length > 0 && u32::try_from(count).is_ok())
        .ok_or_else(|| bad(what, format!("{count} frames")))?;
    Mapping::of_node(node, 0, length, access).map_err(|error| io_error(what, error))
}

/// Asks the driver for frames `from..` of a mapping; `errors` has one entry for each.
fn batch(node: BorrowedFd<'_>, mapping: &Mapping, domid: DomId, from: usize, gfns: &[u64], errors: &mut [i32]) -> rustix::io::Result<()> {
    let count = gfns.len().min(errors.len());
    if from.checked_add(count).is_none_or(|end| end > mapping.len() / PAGE_SIZE) {
        return Err(Os::INVAL);
    }
    let mut request = MmapBatch {
        num: u32::try_from(count).map_err(|_| Os::INVAL)?,
        dom: domid.0,
        addr: mapping.address() + (from * PAGE_SIZE) as u64,
        arr: gfns.as_ptr().expose_provenance() as u64,
        err: errors.as_mut_ptr().expose_provenance() as u64,
    };
    // SAFETY: needed to map frames. `addr` and `num` stay inside the mapping, checked above; `arr` is only read, `err` is ours alone, and both
    // have `num` entries and live during the call.
    unsafe { pointing(node, &mut request) }.map(drop)
}

/// Maps all frames through `ask`, then asks again for runs of frames that are paged out, with `wait` before each round. The answer holds one
/// error per frame, negative or zero, as the driver left it.
fn map_frames(
    gfns: &[u64],
    mut ask: impl FnMut(usize, &[u64], &mut [i32]) -> rustix::io::Result<()>,
    mut wait: impl FnMut(),
) -> rustix::io::Result<Vec<i32>> {
    let mut errors = vec![0; gfns.len()];
    let mut answer = ask(0, gfns, &mut errors);
    let mut tries = 0;
    while answer == Err(Os::NOENT) && tries < PAGED_TRIES && errors.iter().any(paged) {
        wait();
        tries += 1;
        answer = ask_again(gfns, &mut errors, &mut ask);
    }
    match answer {
        Err(error) if error != Os::NOENT || errors.iter().all(|error| *error == 0) => Err(error),
        _ => Ok(errors),
    }
}

fn ask_again(
    gfns: &[u64],
    errors: &mut [i32],
    ask: &mut impl FnMut(usize, &[u64], &mut [i32]) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let mut answer = Ok(());
    let mut from = 0;
    for run in errors.chunk_by_mut(|a, b| paged(a) == paged(b)) {
        let end = from + run.len();
        if run.first().is_some_and(paged) {
            let gfns = gfns.get(from..end).unwrap_or_default();
            match ask(from, gfns, run) {
                Err(Os::NOENT) => answer = Err(Os::NOENT),
                other => other?,
            }
        }
        from = end;
    }
    answer
}

fn paged(error: &i32) -> bool {
    *error == -Os::NOENT.raw_os_error()
}

fn failures(errors: &[i32]) -> Vec<(usize, Errno)> {
    let failed = errors.iter().enumerate().filter(|(_, error)| **error != 0);
    failed.map(|(index, error)| (index, Errno(error.saturating_neg()))).collect()
}

fn bad(what: &'static str, reason: String) -> SeamError {
    SeamError::BadCall { what, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const ENOENT: i32 = -2;

    /// A driver whose frames come in after so many rounds: 0 at once, `None` never, with EINVAL.
    fn fake(ready_after: &[Option<u32>]) -> (rustix::io::Result<Vec<i32>>, Vec<(usize, usize)>) {
        let gfns: Vec<u64> = (100..100 + ready_after.len() as u64).collect();
        let mut asked = Vec::new();
        let round = std::cell::Cell::new(0);
        let ask = |from: usize, gfns: &[u64], errors: &mut [i32]| {
            asked.push((from, gfns.len()));
            assert_eq!(gfns.first(), Some(&(100 + from as u64)), "the frames are those of the range");
            for (index, error) in errors.iter_mut().enumerate() {
                *error = match ready_after[from + index] {
                    Some(rounds) if rounds <= round.get() => 0,
                    Some(_) => ENOENT,
                    None => -22,
                };
            }
            if errors.contains(&ENOENT) { Err(Os::NOENT) } else { Ok(()) }
        };
        let result = map_frames(&gfns, ask, || round.set(round.get() + 1));
        (result, asked)
    }

    #[test]
    fn frames_that_are_paged_out_are_asked_for_again() {
        let all_there = [Some(0), Some(0)];
        let two_runs = [Some(1), Some(0), Some(1), Some(2)];
        let one_bad = [Some(0), None, Some(1)];
        let check = |name: &str, frames: &[Option<u32>], errors: &[i32], asked: &[(usize, usize)]| {
            let (result, seen) = fake(frames);
            assert_eq!(result.unwrap(), errors, "{name}");
            assert_eq!(seen, asked, "{name}");
        };
        check("all there", &all_there, &[0, 0], &[(0, 2)]);
        check("two runs", &two_runs, &[0; 4], &[(0, 4), (0, 1), (2, 2), (3, 1)]);
        check("one bad", &one_bad, &[0, -22, 0], &[(0, 3), (2, 1)]);
        check("all bad", &[None, None], &[-22, -22], &[(0, 2)]);
    }

    #[test]
    fn the_pager_is_not_waited_for_without_end() {
        let (result, asked) = fake(&[Some(u32::MAX), Some(0)]);
        assert_eq!(failures(&result.unwrap()), [(0, Errno::ENOENT)]);
        assert_eq!(asked.len() as u32, PAGED_TRIES + 1);
    }

    #[test]
    fn failure_as_a_whole_is_one_error() {
        let result = map_frames(&[1, 2], |_, _, _| Err(Os::PERM), || ());
        assert_eq!(result, Err(Os::PERM));
    }

    #[test]
    fn impossible_requests_never_reach_the_driver() {
        let null = Privcmd::open_at(Path::new("/dev/zero"), Path::new("/nonexistent")).unwrap();
        let none = ForeignMemory::map(&null, DomId(1), &[], Access::Read).err().unwrap();
        assert!(matches!(none, MapError::Seam(SeamError::BadCall { .. })), "{none}");
        let far = null.map_resource(DomId(1), Resource::GrantTable, 1 << 32, 1).err().unwrap();
        assert!(matches!(far, MapError::Seam(SeamError::BadCall { .. })), "{far}");
        let wrong = ForeignMemory::map(&null, DomId(1), &[Gfn(5)], Access::Read).err().unwrap();
        assert_eq!(wrong.to_string(), "foreign map: errno 25", "another driver says ENOTTY");
    }
}
