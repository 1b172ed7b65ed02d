//! `/dev/xen/privcmd` as [`Hypercalls`]: one ioctl per call, arguments in memory that Xen can reach.
//!
//! ```text
//!   issue(call): Layout::of -> lease pages -> place -> IOCTL_PRIVCMD_HYPERCALL -> fetch -> value, or Refused
//!                                  ^                        |
//!                                  +---- EFAULT, pages not from the node, call only reads: at most twice more
//! ```
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::OFlags;
use xen_abi::{Call, Errno};
use xen_hv::{Hypercalls, SeamError};

use crate::arena::Layout;
use crate::argument::ArgumentMemory;
use crate::ioctl::{Hypercall, pointing};
use crate::mapping::Mapping;
use crate::{errno, io_error, open_node};

/// The node's path.
pub const PRIVCMD: &str = "/dev/xen/privcmd";
/// The node of argument pages.
pub const HYPERCALL: &str = "/dev/xen/hypercall";

/// How often a call is tried again after EFAULT.
const RETRIES: u32 = 2;

/// The control domain's way to Xen: hypercalls and foreign memory.
pub struct Privcmd {
    pub(crate) node: OwnedFd,
    arguments: ArgumentMemory,
}

impl Privcmd {
    /// Opens `/dev/xen/privcmd` and `/dev/xen/hypercall`. Fails with [`SeamError::Node`] where this is no domain of Xen, the module
    /// `xen-privcmd` is not loaded, or we are not root. Both descriptors close on exec.
    pub fn open() -> Result<Privcmd, SeamError> {
        Privcmd::open_at(Path::new(PRIVCMD), Path::new(HYPERCALL))
    }

    /// The same with the nodes at other paths, as in a container.
    pub fn open_at(privcmd: &Path, hypercall: &Path) -> Result<Privcmd, SeamError> {
        Ok(Privcmd { node: open_node(privcmd, OFlags::empty())?, arguments: ArgumentMemory::open(hypercall)? })
    }

    fn enter(&self, number: u32, args: [u64; 5]) -> Result<i64, Errno> {
        let mut request = Hypercall { op: u64::from(number), args };
        // SAFETY: needed to reach Xen at all. Addresses come from `Layout::place` alone, which gives those of a leased mapping: owned for the whole
        // call, without references to it, and every buffer inside it. What Xen does beyond the buffers is the operation's meaning, which the
        // holder of this node is trusted with.
        unsafe { pointing(self.node.as_fd(), &mut request) }.map(i64::from).map_err(errno)
    }
}

impl Hypercalls for Privcmd {
    /// The value is that of an `int`, as the ioctl gives it.
    fn issue(&self, call: &mut Call) -> Result<i64, SeamError> {
        let layout = Layout::of(call)?;
        let lease = self.arguments.take(layout.length())?;
        let pages = lease.pages().ok_or_else(|| io_error("hypercall arguments", io::ErrorKind::OutOfMemory))?;
        let retries = if self.arguments.never_faults() { 0 } else { RETRIES };
        issue_in(call, &layout, pages, retries, |number, args| self.enter(number, args))
    }
}

/// The call in given memory, entered through `enter`.
fn issue_in(
    call: &mut Call,
    layout: &Layout,
    pages: &Mapping,
    retries: u32,
    mut enter: impl FnMut(u32, [u64; 5]) -> Result<i64, Errno>,
) -> Result<i64, SeamError> {
    let mut left = if only_reads(call) { retries } else { 0 };
    let answer = loop {
        let words = layout.place(call, pages, pages.address()).map_err(|error| io_error(call.name, error))?;
        let answer = enter(call.number, words);
        if answer != Err(Errno::EFAULT) || left == 0 {
            break answer;
        }
        left -= 1;
    };
    layout.fetch(call, pages).map_err(|error| io_error(call.name, error))?;
    answer.map_err(|errno| SeamError::Refused { what: call.name, errno })
}

/// Whether the call may be made twice: EFAULT can come after Xen has acted, when it fails to write its answer, so that a call which changes
/// something is never repeated.
fn only_reads(call: &Call) -> bool {
    const XEN_VERSION: u32 = 17;
    const SYSCTL: u32 = 35;
    const DOMCTL: u32 = 36;
    // physinfo, getdomaininfolist, cputopoinfo, numainfo, get_cpu_featureset, get_cpu_policy (public/sysctl.h).
    const SYSCTLS: [u32; 6] = [3, 6, 16, 17, 26, 29];
    // getdomaininfo, getvcpuinfo, gethvmcontext, getpageframeinfo3, get_cpu_policy (public/domctl.h).
    const DOMCTLS: [u32; 5] = [5, 14, 33, 61, 82];
    let command = call.bytes(0).first_chunk().map(|word| u32::from_le_bytes(*word));
    match (call.number, command) {
        (XEN_VERSION, _) => true,
        (SYSCTL, Some(command)) => SYSCTLS.contains(&command),
        (DOMCTL, Some(command)) => DOMCTLS.contains(&command),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xen_abi::{Arg, Direction};
    use xen_hv::SharedPages;

    fn call(number: u32, command: u32) -> Call {
        let mut bytes = vec![0; 16];
        bytes[..4].copy_from_slice(&command.to_le_bytes());
        Call::new("test", number).arg(0, Arg::Address(0)).buffer(Direction::InOut, bytes)
    }

    fn run(call: &mut Call, retries: u32, mut answer: impl FnMut(u32, &Mapping) -> Result<i64, Errno>) -> (u32, Result<i64, SeamError>) {
        let pages = Mapping::anonymous(4096).unwrap();
        let layout = Layout::of(call).unwrap();
        let mut entered = 0;
        let result = issue_in(call, &layout, &pages, retries, |_, args| {
            assert_eq!(args, [pages.address(), 0, 0, 0, 0]);
            entered += 1;
            answer(entered, &pages)
        });
        (entered, result)
    }

    #[test]
    fn answers_come_back_with_value_and_bytes() {
        let mut physinfo = call(35, 3);
        let (entered, result) = run(&mut physinfo, 0, |_, pages| {
            pages.write(8, &[9; 8]).unwrap();
            Ok(5)
        });
        assert_eq!((entered, result.unwrap()), (1, 5));
        assert_eq!(physinfo.bytes(0)[8..], [9; 8]);
    }

    #[test]
    fn a_refusal_brings_its_bytes_too() {
        let mut create = call(36, 1);
        let (_, result) = run(&mut create, 0, |_, pages| {
            pages.write(4, &[1]).unwrap();
            Err(Errno::EINVAL)
        });
        let error = result.unwrap_err();
        assert_eq!((error.errno(), error.to_string().as_str()), (Some(Errno::EINVAL), "test: EINVAL"));
        assert_eq!(create.bytes(0)[4], 1);
    }

    #[test]
    fn only_calls_that_read_are_tried_again() {
        let cases = [
            ("physinfo, locked pages", 35, 3, RETRIES, 3),
            ("physinfo, node pages", 35, 3, 0, 1),
            ("getpageframeinfo3", 36, 61, RETRIES, 3),
            ("createdomain", 36, 1, RETRIES, 1),
            ("xen version", 17, 0, RETRIES, 3),
            ("memory_op", 12, 6, RETRIES, 1),
        ];
        for (name, number, command, retries, expected) in cases {
            let (entered, result) = run(&mut call(number, command), retries, |_, _| Err(Errno::EFAULT));
            assert_eq!(entered, expected, "{name}");
            assert_eq!(result.unwrap_err().errno(), Some(Errno::EFAULT), "{name}");
        }
        let (entered, result) = run(&mut call(35, 3), RETRIES, |time, _| if time == 2 { Ok(0) } else { Err(Errno::EFAULT) });
        assert_eq!((entered, result.unwrap()), (2, 0), "the second try succeeds");
    }

    #[test]
    fn nodes_that_are_missing_or_not_privcmd_say_so() {
        let missing = Privcmd::open_at(Path::new("/nonexistent/privcmd"), Path::new(HYPERCALL)).err().unwrap();
        assert!(missing.to_string().starts_with("cannot open /nonexistent/privcmd: "), "{missing}");
        let other = Privcmd::open_at(Path::new("/dev/null"), Path::new("/nonexistent")).unwrap();
        let error = other.issue(&mut call(17, 0)).unwrap_err();
        assert_eq!(error.errno(), Some(Errno(25)), "ENOTTY from another driver");
    }
}
