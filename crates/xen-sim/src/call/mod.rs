//! What a hypercall's bytes ask, and Xen's answer to them.
//!
//! ```text
//!   perform(call)
//!     number -> domctl/ | sysctl/ | memory/ | evtchn | hvm | sched | version | multicall | console_io
//!       copy the structure in (EFAULT) -> interface number (EACCES) -> domain (ESRCH) -> right (EPERM) -> the operation
//! ```
//!
//! Layouts come from `xen-abi`, where facts measured from Xen's headers check them; what the values mean is decided here, from Xen's source. What a
//! release does not know is `ENOSYS`; what it knows and the simulator does not is said aloud and never passed off as Xen's answer.

mod console_io;
mod domctl;
mod evtchn;
mod hvm;
mod image;
mod memory;
mod multicall;
mod sched;
mod sysctl;
mod version;

use xen_abi::{Arg, Call, Direction, DomId, Errno, hypercall};

use crate::process::ProcessId;
use crate::xen::Xen;
pub(crate) use hvm::param;
pub(crate) use image::{Image, Record};

/// `__HYPERVISOR_console_io` (public/xen.h).
const CONSOLE_IO: u32 = 18;
/// The highest of the common hypercalls (`__HYPERVISOR_hypfs_op`, 4.14 and later, public/xen.h).
const HIGHEST: u32 = 42;
/// Numbers below that no release of the table answers: tmem is gone.
const GONE: [u32; 1] = [38];

/// Why a call has no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Xen's answer.
    Errno(Errno),
    /// Xen would answer; the simulator does not know how.
    NotSimulated(String),
}

impl From<Errno> for Refusal {
    fn from(errno: Errno) -> Refusal {
        Refusal::Errno(errno)
    }
}

/// Xen's value, zero or positive, or why there is none.
pub(crate) type Answer = Result<i64, Refusal>;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) domid: DomId,
    pub(crate) process: ProcessId,
    /// A fault's limit on the extents of a populate.
    pub(crate) short: Option<u64>,
}

impl Caller {
    /// dom0 may do everything, others what is not privileged.
    pub(crate) fn privileged(&self) -> Result<(), Errno> {
        if self.domid == DomId::DOM0 { Ok(()) } else { Err(Errno::EPERM) }
    }

    /// Whether this domain may do something to that one.
    pub(crate) fn may_act_on(&self, domid: DomId) -> Result<(), Errno> {
        if self.domid == domid { Ok(()) } else { self.privileged() }
    }
}

/// Whether the image holds together: every address names a buffer, every patch lies in one.
pub(crate) fn check(call: &Call) -> Result<(), String> {
    let count = call.buffers.len();
    for (index, arg) in call.args.iter().enumerate() {
        if let Arg::Address(buffer) = arg
            && *buffer >= count
        {
            return Err(format!("word {index} names buffer {buffer} of {count}"));
        }
    }
    for patch in &call.patches {
        let length = call.bytes(patch.buffer).len();
        if patch.target >= count || patch.offset.checked_add(8).is_none_or(|end| end > length) {
            return Err(format!("the patch at {} of buffer {} (of {length} bytes) to buffer {}", patch.offset, patch.buffer, patch.target));
        }
    }
    Ok(())
}

/// Does what the call asks, and copies its Out and InOut buffers back, after a refusal too.
pub(crate) fn perform(xen: &mut Xen, domid: DomId, process: ProcessId, short: Option<u64>, call: &mut Call) -> Answer {
    let mut buffers = call.buffers.clone();
    for buffer in &mut buffers {
        if buffer.direction == Direction::Out {
            buffer.bytes.fill(0);
        }
    }
    let mut image = Image { words: call.args.to_vec(), buffers: &mut buffers, patches: &call.patches };
    let answer = dispatch(xen, &Caller { domid, process, short }, call.number, &mut image);
    for (given, worked) in call.buffers.iter_mut().zip(buffers) {
        if given.direction != Direction::In {
            given.bytes = worked.bytes;
        }
    }
    answer
}

fn dispatch(xen: &mut Xen, caller: &Caller, number: u32, image: &mut Image<'_>) -> Answer {
    match number {
        hypercall::MEMORY_OP => memory::run(xen, caller, image),
        hypercall::MULTICALL => multicall::run(xen, caller, image),
        hypercall::XEN_VERSION => version::run(xen, image),
        hypercall::SCHED_OP => sched::run(xen, caller, image),
        hypercall::EVENT_CHANNEL_OP => evtchn::run(xen, caller, image),
        hypercall::HVM_OP => hvm::run(xen, caller, image),
        hypercall::SYSCTL => sysctl::run(xen, caller, image),
        hypercall::DOMCTL => domctl::run(xen, caller, image),
        CONSOLE_IO => console_io::run(xen, caller, image),
        _ if number > HIGHEST || GONE.contains(&number) => Err(Errno::ENOSYS.into()),
        _ => not_simulated("hypercall", number),
    }
}

/// An operation that the release has and the simulator lacks.
pub(crate) fn not_simulated(what: &str, number: u32) -> Answer {
    Err(Refusal::NotSimulated(format!("the simulator has no {what} {number}: add it, or do without")))
}
