//! GET_QUOTA, SET_QUOTA (4.22).

use super::super::Server;
use super::{Outcome, Result, atoi, strict_domid};
use crate::quota::Limit;
use crate::wire::{XsError, strings};

impl Server {
    /// Nothing -> the names of all limits; `name|` -> the limit for new domains; `domid|name|` -> the domain's.
    pub(super) fn get_quota(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let fields: Vec<&[u8]> = strings(payload).collect();
        let text = match fields.as_slice() {
            [] => Limit::ALL.iter().map(|limit| limit.name()).collect::<Vec<_>>().join(" "),
            [name] => self.quota.get(by_name(name)?).to_string(),
            [domid, name] => {
                let domid = strict_domid(domid)?;
                let domain = self.domains.get(domid).ok_or(XsError::NoEntry)?;
                let limits = domain.own_quota.as_ref().map_or(&self.quota, |own| own.limits());
                limits.get(by_name(name)?).to_string()
            }
            _ => return Err(XsError::Invalid),
        };
        reply.extend_from_slice(text.as_bytes());
        reply.push(0);
        Ok(Outcome::Reply)
    }

    /// `name|value|` or `domid|name|value|` -> `OK|`. 0 means no limit.
    pub(super) fn set_quota(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let fields: Vec<&[u8]> = strings(payload).collect();
        match fields.as_slice() {
            [name, value] => {
                let (limit, value) = (by_name(name)?, number(value)?);
                self.set_limit(limit, value);
            }
            [domid, name, value] => {
                let domid = strict_domid(domid)?;
                self.domains.get(domid).ok_or(XsError::NoEntry)?;
                let (limit, value) = (by_name(name)?, number(value)?);
                self.domains.set_own_limit(domid, limit, value, &self.quota);
            }
            _ => return Err(XsError::Invalid),
        }
        super::ack(reply);
        Ok(Outcome::Reply)
    }

    /// Sets a limit for everybody who has none of its own.
    pub(super) fn set_limit(&mut self, limit: Limit, value: u32) {
        self.quota.set(limit, value);
        self.domains.follow_limit(limit, value);
    }
}

fn by_name(name: &[u8]) -> Result<Limit> {
    Limit::by_name(name).ok_or(XsError::Invalid)
}

/// A number as C's `atoi` gives it to an unsigned word; the largest one is kept for "no such limit" there.
fn number(text: &[u8]) -> Result<u32> {
    u32::try_from(atoi(text)).ok().filter(|value| *value < u32::MAX).ok_or(XsError::Invalid)
}
