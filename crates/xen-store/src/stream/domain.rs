//! DOMAIN_DATA: limits and features of one domain.

use xen_abi::DomId;

use super::cursor::Cursor;
use super::error::Result;
use super::quota::{QuotaValue, count, decode_list, encode_list};

/// Limits and features of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainRecord {
    /// Which domain.
    pub domid: DomId,
    /// The features word of its ring page; 0 in version 1.
    pub features: u32,
    /// Its own limits.
    pub quota: Vec<QuotaValue>,
}

impl DomainRecord {
    pub(super) fn decode(mut body: Cursor<'_>) -> Result<DomainRecord> {
        let domid = DomId(body.u16()?);
        let quotas = usize::from(body.u16()?);
        let features = body.u32()?;
        Ok(DomainRecord { domid, features, quota: decode_list(quotas, &mut body)? })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.domid.0.to_le_bytes());
        out.extend_from_slice(&count(&self.quota)?.to_le_bytes());
        out.extend_from_slice(&self.features.to_le_bytes());
        encode_list(self.quota.iter(), out)
    }
}
