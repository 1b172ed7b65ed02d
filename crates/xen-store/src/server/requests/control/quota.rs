//! `quota` and `quota-soft`: limits and what is used of them, as text.

use std::fmt::Write as _;

use xen_abi::DomId;

use super::super::super::Server;
use super::super::{Result, atoi};
use super::Answer;
use crate::quota::{Limit, Peaks};
use crate::wire::XsError;

impl Server {
    /// Nothing: the limits. `set NAME VALUE`. `DOMID`: what that domain uses. `max [-r]`: the most that any domain used.
    pub(super) fn quota(&mut self, arguments: &[&[u8]]) -> Result<Answer> {
        match arguments {
            [] => Ok(Answer::Text(self.limits_table(false))),
            [b"set", name, value] => self.set_by_control(name, value, false),
            [b"set", ..] => Err(XsError::Invalid),
            [b"max"] => Ok(Answer::Text(self.peaks_table())),
            [b"max", b"-r"] => {
                self.forget_peaks();
                Ok(Answer::Text(self.peaks_table()))
            }
            [domid] => self.usage_table(domid).map(Answer::Text),
            _ => Err(XsError::Invalid),
        }
    }

    /// The same for limits that only warn.
    pub(super) fn soft_quota(&mut self, arguments: &[&[u8]]) -> Result<Answer> {
        match arguments {
            [] => Ok(Answer::Text(self.limits_table(true))),
            [b"set", name, value] => self.set_by_control(name, value, true),
            _ => Err(XsError::Invalid),
        }
    }

    fn set_by_control(&mut self, name: &[u8], value: &[u8], soft: bool) -> Result<Answer> {
        let mut limits = Limit::ALL.iter().filter(|limit| limit.is_soft() == soft);
        let limit = limits.find(|limit| limit.plain_name().as_bytes() == name).ok_or(XsError::Invalid)?;
        let value = u32::try_from(atoi(value)).ok().filter(|value| *value > 0).ok_or(XsError::Invalid)?;
        self.set_limit(*limit, value);
        Ok(Answer::Ok)
    }

    fn limits_table(&self, soft: bool) -> String {
        let mut text = String::from("Quota settings:\n");
        for limit in Limit::ALL.iter().filter(|limit| limit.is_soft() == soft) {
            let _ = writeln!(text, "{:<17}: {:>8} {}", limit.plain_name(), self.quota.get(*limit), limit.meaning());
        }
        text
    }

    fn peaks_table(&mut self) -> String {
        self.note_all_peaks();
        let mut text = String::from("Most seen of any domain:\n");
        for limit in hard() {
            let _ = writeln!(text, "{:<17}: {:>8}", limit.name(), self.peaks.get(limit));
        }
        text
    }

    fn usage_table(&mut self, domid: &[u8]) -> Result<String> {
        let domid = u16::try_from(atoi(domid)).map(DomId).map_err(|_| XsError::NoEntry)?;
        self.note_peaks(domid);
        let peaks = self.domains.get(domid).ok_or(XsError::NoEntry)?.peaks;
        let mut used = Peaks::default();
        for (limit, value) in self.usage(domid) {
            used.note(limit, value);
        }
        let mut text = format!("Domain {}:\n", domid.0);
        for limit in hard() {
            let _ = writeln!(text, "{:<17}: {:>8} (max {:>8})", limit.name(), used.get(limit), peaks.get(limit));
        }
        Ok(text)
    }
}

fn hard() -> impl Iterator<Item = Limit> {
    Limit::ALL.iter().copied().filter(|limit| !limit.is_soft())
}
