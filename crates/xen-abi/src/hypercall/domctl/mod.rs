//! Control of domains (public/domctl.h): one buffer of 144 bytes, the header and a union of bodies.
//!
//! ```text
//!   0        4                    8        10      16                                   144
//!   | cmd    | interface_version  | domain | zero  | body of the operation, zeroed first |
//! ```
//!
//! Xen copies the whole structure in and out, compares the interface number (EACCES), finds the domain (ESRCH), asks the security module
//! (EPERM) and only then looks at the operation (xen/common/domctl.c), so a probe with a wrong number has no effect.

pub mod createdomain;
pub mod get_domain_state;
pub mod getdomaininfo;
pub mod hvmcontext;
pub mod lifecycle;
pub mod max_mem;
pub mod max_vcpus;
pub mod paging_pool;
pub mod policy;
pub mod set_handle;
pub mod tsc_info;
pub mod vcpucontext;

use crate::call::{Arg, Call, Direction, OperationError};
use crate::hypercall::{DOMCTL, name};
use crate::layout::OutOfRecord;
use crate::names::DomId;
use crate::record::{Member, constants, record};
use crate::release::Release;

record! {
    /// The whole structure. Its size is the union's 128 bytes and the header's 16, in every release.
    DOMCTL_RECORD = "struct xen_domctl", size 144 {
        /// The operation.
        CMD: u32 = "cmd" @ 0;
        /// The interface number that the caller speaks.
        INTERFACE_VERSION: u32 = "interface_version" @ 4;
        /// The domain, in and for some operations out.
        DOMAIN: u16 = "domain" @ 8;
        /// The body of the operation.
        BODY: [128] = "u" @ 16;
    }
}

/// Where the body of an operation begins in the buffer, in bytes.
pub const BODY_OFFSET: usize = 16;

constants! {
    /// The operations that we speak.
    OPERATIONS: u32 {
        /// [`createdomain`].
        CREATEDOMAIN = XEN_DOMCTL_createdomain, 1;
        /// [`lifecycle`].
        DESTROYDOMAIN = XEN_DOMCTL_destroydomain, 2;
        /// [`lifecycle`].
        PAUSEDOMAIN = XEN_DOMCTL_pausedomain, 3;
        /// [`lifecycle`].
        UNPAUSEDOMAIN = XEN_DOMCTL_unpausedomain, 4;
        /// [`getdomaininfo`].
        GETDOMAININFO = XEN_DOMCTL_getdomaininfo, 5;
        /// [`paging_pool`], up to 4.16.
        SHADOW_OP = XEN_DOMCTL_shadow_op, 10;
        /// [`max_mem`].
        MAX_MEM = XEN_DOMCTL_max_mem, 11;
        /// [`vcpucontext`].
        GETVCPUCONTEXT = XEN_DOMCTL_getvcpucontext, 13;
        /// [`max_vcpus`].
        MAX_VCPUS = XEN_DOMCTL_max_vcpus, 15;
        /// [`set_handle`].
        SETDOMAINHANDLE = XEN_DOMCTL_setdomainhandle, 17;
        /// [`hvmcontext`].
        GETHVMCONTEXT = XEN_DOMCTL_gethvmcontext, 33;
        /// [`hvmcontext`].
        SETHVMCONTEXT = XEN_DOMCTL_sethvmcontext, 34;
        /// [`hvmcontext`].
        GETHVMCONTEXT_PARTIAL = XEN_DOMCTL_gethvmcontext_partial, 55;
        /// [`tsc_info`].
        SETTSCINFO = XEN_DOMCTL_settscinfo, 60;
        /// [`lifecycle`].
        SOFT_RESET = XEN_DOMCTL_soft_reset, 79;
        /// [`policy`].
        GET_CPU_POLICY = XEN_DOMCTL_get_cpu_policy, 82;
        /// [`policy`].
        SET_CPU_POLICY = XEN_DOMCTL_set_cpu_policy, 83;
        /// [`paging_pool`], from 4.17.
        GET_PAGING_MEMPOOL_SIZE = XEN_DOMCTL_get_paging_mempool_size, 85 since V4_17;
        /// [`paging_pool`], from 4.17.
        SET_PAGING_MEMPOOL_SIZE = XEN_DOMCTL_set_paging_mempool_size, 86 since V4_17;
        /// [`get_domain_state`], the first stable one.
        GET_DOMAIN_STATE = XEN_DOMCTL_get_domain_state, 90 since V4_21;
    }
}

/// A domctl under construction: the header is written, the body is zero.
pub(crate) struct Request<'a> {
    release: &'a Release,
    command: u32,
    bytes: Vec<u8>,
}

impl<'a> Request<'a> {
    /// A request with the release's interface number.
    pub(crate) fn new(release: &'a Release, command: u32, domid: DomId) -> Result<Request<'a>, OperationError> {
        Request::with_interface(release, release.domctl, command, domid)
    }

    /// A request with another interface number: 0 for the stable operations.
    pub(crate) fn with_interface(release: &'a Release, interface: u32, command: u32, domid: DomId) -> Result<Request<'a>, OperationError> {
        let mut bytes = DOMCTL_RECORD.zeroed(release)?;
        CMD.put(release, &mut bytes, command.into())?;
        INTERFACE_VERSION.put(release, &mut bytes, interface.into())?;
        DOMAIN.put(release, &mut bytes, domid.0.into())?;
        Ok(Request { release, command, bytes })
    }

    /// The body, to be written.
    pub(crate) fn body(&mut self) -> Result<&mut [u8], OperationError> {
        let length = self.bytes.len();
        let outside = OutOfRecord { offset: BODY_OFFSET, width: 0, length };
        Ok(self.bytes.get_mut(BODY_OFFSET..).ok_or(outside)?)
    }

    /// The same request with a field of its body written.
    pub(crate) fn with(mut self, member: &Member, value: u64) -> Result<Request<'a>, OperationError> {
        let release = self.release;
        member.put(release, self.body()?, value)?;
        Ok(self)
    }

    /// The call.
    pub(crate) fn call(self) -> Call {
        Call::new(name::of(DOMCTL, self.command), DOMCTL).arg(0, Arg::Address(0)).buffer(Direction::InOut, self.bytes)
    }

    /// The call with a second buffer, whose address stands in the body at `pointer`.
    pub(crate) fn call_with(self, pointer: &Member, direction: Direction, bytes: Vec<u8>) -> Result<Call, OperationError> {
        let offset = pointer_offset(self.release, pointer)?;
        Ok(self.call().buffer(direction, bytes).patch(0, offset, 1))
    }
}

/// Where in the whole structure a pointer of the body stands, in bytes.
pub(crate) fn pointer_offset(release: &Release, pointer: &Member) -> Result<usize, OperationError> {
    let field = pointer.field(release).ok_or(OperationError::Unsupported { release: *release, what: pointer.name })?;
    Ok(field.at(BODY_OFFSET).offset)
}

/// The body of a domctl, to be read.
pub fn body(call: &Call) -> Result<&[u8], OperationError> {
    let bytes = call.bytes(0);
    Ok(bytes.get(BODY_OFFSET..).ok_or(OutOfRecord { offset: BODY_OFFSET, width: 0, length: bytes.len() })?)
}

/// The domain in the header, to be read.
pub fn domain(release: &Release, call: &Call) -> Result<DomId, OperationError> {
    Ok(DomId(DOMAIN.get(release, call.bytes(0))? as u16))
}
