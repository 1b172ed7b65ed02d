//! Domains in the state image.

use xen_abi::DomId;

use super::super::Server;
use super::super::domains::Domain;
use crate::image::{ImageError, Kind, Reader, Record, Writer};
use crate::quota::{Limit, OwnQuota, Peaks, Quota};

impl Server {
    /// Keeps domains that changed.
    pub(super) fn keep_domains(&mut self) {
        let Some(keeping) = &mut self.keeping else { return };
        for domid in self.domains.take_touched() {
            let body = self.domains.get(domid).map(|domain| encode(domid, domain)).unwrap_or_default();
            let (mut slot, kept) = keeping.domains.remove(&domid).unwrap_or_default();
            if body.bytes().is_empty() {
                keeping.image.remove(slot);
                continue;
            }
            if body.bytes() != kept.as_slice() {
                keeping.image.replace(&mut slot, Kind::Domain, body.bytes());
            }
            keeping.domains.insert(domid, (slot, body.into_bytes()));
        }
    }

    /// Takes a domain back; its ring comes with its connection.
    pub(super) fn recover_domain(&mut self, record: &Record<'_>) -> Result<DomId, ImageError> {
        let mut body = Reader::new(record.body);
        let domid = DomId(body.narrow()?);
        let since = body.number()?;
        let shutdown = body.flag()?;
        let target = body.narrow::<u32>()?.checked_sub(1).and_then(|target| u16::try_from(target).ok()).map(DomId);
        let features = body.narrow()?;
        let own_quota = decode_quota(&mut body, &self.quota)?;
        self.domains.restore(domid, Domain { since, ring: None, shutdown, target, features, own_quota, peaks: Peaks::default() });
        Ok(domid)
    }
}

fn encode(domid: DomId, domain: &Domain) -> Writer {
    let mut body = Writer::default();
    let target = domain.target.map_or(0, |target| u32::from(target.0) + 1);
    body.number(domid.0).number(domain.since).flag(domain.shutdown).number(target).number(domain.features);
    let own = domain.own_quota.as_deref();
    body.flag(own.is_some());
    for (limit, own) in own.into_iter().flat_map(|own| own.own().iter().map(move |limit| (*limit, own))) {
        body.string(limit.name().as_bytes()).number(own.limits().get(limit));
    }
    body
}

fn decode_quota(body: &mut Reader<'_>, global: &Quota) -> Result<Option<Box<OwnQuota>>, ImageError> {
    if !body.flag()? {
        return Ok(None);
    }
    let mut own = Box::new(OwnQuota::new(global));
    while !body.is_empty() {
        let name = body.string()?;
        let value = body.narrow()?;
        if let Some(limit) = Limit::by_name(name) {
            own.set(limit, value);
        }
    }
    Ok(Some(own))
}
