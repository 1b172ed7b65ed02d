//! GLOBAL_QUOTA_DATA, and the list of limits that it shares with DOMAIN_DATA.

use super::cursor::{Cursor, length, put_string, string_length};
use super::error::Result;

/// A limit by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaValue {
    /// As in GET_QUOTA; names that nobody knows are kept.
    pub name: Box<[u8]>,
    /// 0 for no limit.
    pub value: u32,
}

/// Limits of the whole store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalQuotaRecord {
    /// What a domain gets that has no limits of its own.
    pub per_domain: Vec<QuotaValue>,
    /// What holds for all together.
    pub global: Vec<QuotaValue>,
}

impl GlobalQuotaRecord {
    pub(super) fn decode(mut body: Cursor<'_>) -> Result<GlobalQuotaRecord> {
        let per_domain = usize::from(body.u16()?);
        let global = usize::from(body.u16()?);
        let mut all = decode_list(per_domain + global, &mut body)?;
        let global = all.split_off(per_domain.min(all.len()));
        Ok(GlobalQuotaRecord { per_domain: all, global })
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        for list in [&self.per_domain, &self.global] {
            out.extend_from_slice(&count(list)?.to_le_bytes());
        }
        encode_list(self.per_domain.iter().chain(&self.global), out)
    }
}

pub(super) fn count(list: &[QuotaValue]) -> Result<u16> {
    length(list.len(), usize::from(u16::MAX))
}

/// Values first, then the names in the same order.
pub(super) fn decode_list(count: usize, body: &mut Cursor<'_>) -> Result<Vec<QuotaValue>> {
    let values = body.bytes(count * 4)?;
    let mut values = body.again(values);
    (0..count).map(|_| Ok(QuotaValue { value: values.u32()?, name: body.string_to_nul()? })).collect()
}

pub(super) fn encode_list<'a>(list: impl Iterator<Item = &'a QuotaValue> + Clone, out: &mut Vec<u8>) -> Result<()> {
    list.clone().for_each(|quota| out.extend_from_slice(&quota.value.to_le_bytes()));
    for quota in list {
        string_length(&quota.name)?;
        put_string(out, &quota.name);
    }
    Ok(())
}
