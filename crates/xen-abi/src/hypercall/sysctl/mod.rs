//! Control of the host (public/sysctl.h): one buffer of 136 bytes, the header and a union of bodies.
//!
//! ```text
//!   0        4                    8                                    136
//!   | cmd    | interface_version  | body of the operation, zeroed first |
//! ```

pub mod cpu_policy;
pub mod cpupool;
pub mod getdomaininfolist;
pub mod physinfo;
pub mod readconsole;
pub mod sched_id;

use crate::call::{Arg, Call, Direction, OperationError};
use crate::hypercall::{SYSCTL, name};
use crate::layout::OutOfRecord;
use crate::record::{Member, constants, record};
use crate::release::Release;

record! {
    /// The whole structure. Its size is the union's 128 bytes and the header's 8, in every release.
    SYSCTL_RECORD = "struct xen_sysctl", size 136 {
        /// The operation.
        CMD: u32 = "cmd" @ 0;
        /// The interface number that the caller speaks.
        INTERFACE_VERSION: u32 = "interface_version" @ 4;
        /// The body of the operation.
        BODY: [128] = "u" @ 8;
    }
}

/// Where the body of an operation begins in the buffer, in bytes.
pub const BODY_OFFSET: usize = 8;

constants! {
    /// The operations that we speak.
    OPERATIONS: u32 {
        /// [`readconsole`].
        READCONSOLE = XEN_SYSCTL_readconsole, 1;
        /// [`physinfo`].
        PHYSINFO = XEN_SYSCTL_physinfo, 3;
        /// [`sched_id`].
        SCHED_ID = XEN_SYSCTL_sched_id, 4;
        /// [`getdomaininfolist`].
        GETDOMAININFOLIST = XEN_SYSCTL_getdomaininfolist, 6;
        /// [`cpupool`].
        CPUPOOL_OP = XEN_SYSCTL_cpupool_op, 18;
        /// [`cpu_policy`].
        GET_CPU_POLICY = XEN_SYSCTL_get_cpu_policy, 29;
    }
}

/// A sysctl under construction: the header is written, the body is zero.
pub(crate) struct Request<'a> {
    release: &'a Release,
    command: u32,
    bytes: Vec<u8>,
}

impl<'a> Request<'a> {
    /// A request with the release's interface number.
    pub(crate) fn new(release: &'a Release, command: u32) -> Result<Request<'a>, OperationError> {
        let mut bytes = SYSCTL_RECORD.zeroed(release)?;
        CMD.put(release, &mut bytes, command.into())?;
        INTERFACE_VERSION.put(release, &mut bytes, release.sysctl.into())?;
        Ok(Request { release, command, bytes })
    }

    /// The same request with a field of its body written.
    pub(crate) fn with(mut self, member: &Member, value: u64) -> Result<Request<'a>, OperationError> {
        let length = self.bytes.len();
        let outside = OutOfRecord { offset: BODY_OFFSET, width: 0, length };
        let body = self.bytes.get_mut(BODY_OFFSET..).ok_or(outside)?;
        member.put(self.release, body, value)?;
        Ok(self)
    }

    /// The call.
    pub(crate) fn call(self) -> Call {
        Call::new(name::of(SYSCTL, self.command), SYSCTL).arg(0, Arg::Address(0)).buffer(Direction::InOut, self.bytes)
    }

    /// The call with more buffers for Xen to fill, each with the pointer in the body that says where.
    pub(crate) fn call_with(self, out: Vec<(&Member, usize)>) -> Result<Call, OperationError> {
        let release = self.release;
        let mut call = self.call();
        for (index, (pointer, length)) in out.into_iter().enumerate() {
            let missing = OperationError::Unsupported { release: *release, what: pointer.name };
            let offset = pointer.field(release).ok_or(missing)?.at(BODY_OFFSET).offset;
            call = call.buffer(Direction::Out, vec![0; length]).patch(0, offset, index + 1);
        }
        Ok(call)
    }
}

/// The body of a sysctl, to be read.
pub fn body(call: &Call) -> Result<&[u8], OperationError> {
    let bytes = call.bytes(0);
    Ok(bytes.get(BODY_OFFSET..).ok_or(OutOfRecord { offset: BODY_OFFSET, width: 0, length: bytes.len() })?)
}
