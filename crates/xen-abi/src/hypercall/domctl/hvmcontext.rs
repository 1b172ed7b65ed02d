//! `XEN_DOMCTL_gethvmcontext`, `sethvmcontext` and `gethvmcontext_partial`: the state of vcpus and emulated devices as a stream of save records.

use super::{GETHVMCONTEXT, GETHVMCONTEXT_PARTIAL, Request, SETHVMCONTEXT, body};
use crate::call::{Call, Direction, Operation, OperationError};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The body of get and set.
    RECORD = "struct xen_domctl_hvmcontext", size 16 {
        /// The buffer's size in bytes; out: how much is used, or would be.
        SIZE: u32 = "size" @ 0;
        /// Where the records are.
        BUFFER: u64 = "buffer" @ 8;
    }
}

record! {
    /// The body of the partial get.
    PARTIAL_RECORD = "struct xen_domctl_hvmcontext_partial", size 24 {
        /// The record's type code.
        PARTIAL_TYPE: u32 = "type" @ 0;
        /// Which of them: a vcpu's index, mostly.
        PARTIAL_INSTANCE: u32 = "instance" @ 4;
        /// The buffer's size in bytes; out: how much is used.
        PARTIAL_BUFSZ: u64 = "bufsz" @ 8;
        /// Where the record goes, without its descriptor.
        PARTIAL_BUFFER: u64 = "buffer" @ 16;
    }
}

/// The largest context that we take: 128 vcpus need well under 1 MiB.
pub const CONTEXT_MAX: usize = 4 << 20;

fn bounded(what: &'static str, length: usize) -> Result<u64, OperationError> {
    if length > CONTEXT_MAX {
        return Err(OperationError::OutOfRange { what, value: length as u64, bound: "4 MiB" });
    }
    Ok(length as u64)
}

/// Asks how many bytes the context has now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetHvmContextSize {
    /// The domain.
    pub domid: DomId,
}

impl Operation for GetHvmContextSize {
    type Reply = usize;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        Ok(Request::new(release, GETHVMCONTEXT, self.domid)?.call())
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<usize, OperationError> {
        Ok(SIZE.get_u32(release, body(call)?)? as usize)
    }
}

/// Reads the context; ENOSPC where `capacity` is too small for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetHvmContext {
    /// The domain.
    pub domid: DomId,
    /// How many bytes to make room for.
    pub capacity: usize,
}

impl Operation for GetHvmContext {
    type Reply = Vec<u8>;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let size = bounded("room for the HVM context", self.capacity)?;
        let request = Request::new(release, GETHVMCONTEXT, self.domid)?.with(&SIZE, size)?;
        request.call_with(&BUFFER, Direction::Out, vec![0; self.capacity])
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<Vec<u8>, OperationError> {
        let used = SIZE.get_u32(release, body(call)?)? as usize;
        taken(call, used)
    }
}

/// Writes the records given: a header record, any others, an end record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetHvmContext {
    /// The domain.
    pub domid: DomId,
    /// The records.
    pub context: Vec<u8>,
}

impl Operation for SetHvmContext {
    type Reply = ();

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let size = bounded("the HVM context", self.context.len())?;
        let request = Request::new(release, SETHVMCONTEXT, self.domid)?.with(&SIZE, size)?;
        request.call_with(&BUFFER, Direction::In, self.context.clone())
    }

    fn decode(&self, _: &Release, _: i64, _: &Call) -> Result<(), OperationError> {
        Ok(())
    }
}

/// Reads one record without its descriptor. ENODATA where there is none, as for the registers of a vcpu that is not online yet, or no room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetHvmContextPartial {
    /// The domain.
    pub domid: DomId,
    /// The record's type code (public/arch-x86/hvm/save.h).
    pub kind: u32,
    /// Which of them: the vcpu's index, mostly.
    pub instance: u32,
    /// How many bytes to make room for.
    pub capacity: usize,
}

impl Operation for GetHvmContextPartial {
    type Reply = Vec<u8>;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        let size = bounded("room for an HVM record", self.capacity)?;
        Request::new(release, GETHVMCONTEXT_PARTIAL, self.domid)?
            .with(&PARTIAL_TYPE, self.kind.into())?
            .with(&PARTIAL_INSTANCE, self.instance.into())?
            .with(&PARTIAL_BUFSZ, size)?
            .call_with(&PARTIAL_BUFFER, Direction::Out, vec![0; self.capacity])
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<Vec<u8>, OperationError> {
        let used = PARTIAL_BUFSZ.get(release, body(call)?)?;
        taken(call, usize::try_from(used).unwrap_or(usize::MAX))
    }
}

fn taken(call: &Call, used: usize) -> Result<Vec<u8>, OperationError> {
    let bytes = call.bytes(1);
    let used = bytes.get(..used).ok_or_else(|| OperationError::Malformed(format!("{used} bytes used of {} given", bytes.len())))?;
    Ok(used.to_vec())
}
