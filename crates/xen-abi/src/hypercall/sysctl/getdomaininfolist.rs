//! `XEN_SYSCTL_getdomaininfolist`: many domains at once, in chunks.

use super::{GETDOMAININFOLIST, Request, body};
use crate::call::{Call, Operation, OperationError};
use crate::hypercall::domctl::getdomaininfo::{self, DomainInfo};
use crate::names::DomId;
use crate::record::record;
use crate::release::Release;

record! {
    /// The body.
    RECORD = "struct xen_sysctl_getdomaininfolist", size 24 {
        /// The lowest number wanted.
        FIRST_DOMAIN: u16 = "first_domain" @ 0;
        /// Room in records.
        MAX_DOMAINS: u32 = "max_domains" @ 4;
        /// Where they go.
        BUFFER: u64 = "buffer" @ 8;
        /// How many were written.
        NUM_DOMAINS: u32 = "num_domains" @ 16;
    }
}

/// The most domains of one chunk.
pub const CHUNK_MAX: usize = 1024;

/// Asks for domains from a number on, in order. Fewer than `max` in the reply: there are no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetDomainInfoList {
    /// The lowest number wanted.
    pub first: DomId,
    /// The most domains wanted, up to [`CHUNK_MAX`].
    pub max: usize,
}

impl Operation for GetDomainInfoList {
    type Reply = Vec<DomainInfo>;

    fn encode(&self, release: &Release) -> Result<Call, OperationError> {
        if self.max == 0 || self.max > CHUNK_MAX {
            return Err(OperationError::OutOfRange { what: "domains in one chunk", value: self.max as u64, bound: "1 to 1024" });
        }
        let stride = getdomaininfo::RECORD.size(release)?;
        Request::new(release, GETDOMAININFOLIST)?
            .with(&FIRST_DOMAIN, self.first.0.into())?
            .with(&MAX_DOMAINS, self.max as u64)?
            .call_with(vec![(&BUFFER, stride * self.max)])
    }

    fn decode(&self, release: &Release, _: i64, call: &Call) -> Result<Vec<DomainInfo>, OperationError> {
        let count = NUM_DOMAINS.get_u32(release, body(call)?)? as usize;
        if count > self.max {
            return Err(OperationError::Malformed(format!("{count} domains in room for {}", self.max)));
        }
        let stride = getdomaininfo::RECORD.size(release)?;
        let records = call.bytes(1).chunks_exact(stride).take(count);
        records.map(|record| DomainInfo::read(release, record)).collect()
    }
}
