//! GET_FEATURE, SET_FEATURE (4.21).

use super::super::{ConnId, Server, features};
use super::{Outcome, Result, ack, atoi, strict_domid};
use crate::perms::Identity;
use crate::wire::{XsError, strings};

impl Server {
    /// Nothing -> what the asker is offered; `domid|` (tools) -> what the domain is offered.
    pub(super) fn get_feature(&mut self, conn: ConnId, who: &Identity, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let mut fields = strings(payload);
        let word = match (fields.next(), fields.next()) {
            (None, _) => self.domains.features(self.connections.get(&conn).ok_or(XsError::Io)?.kind),
            (Some(_), _) if !who.privileged => return Err(XsError::Access),
            (Some(domid), None) => self.domains.get(strict_domid(domid)?).ok_or(XsError::NoEntry)?.features,
            (Some(_), Some(_)) => return Err(XsError::Invalid),
        };
        reply.extend_from_slice(format!("{word}\0").as_bytes());
        Ok(Outcome::Reply)
    }

    /// `domid|word|` -> `OK|`, before the domain is introduced. Only what the store has can be offered.
    pub(super) fn set_feature(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let mut fields = strings(payload);
        let (Some(domid), Some(word), None) = (fields.next(), fields.next(), fields.next()) else { return Err(XsError::Invalid) };
        let domid = strict_domid(domid)?;
        let word = atoi(word);
        if self.domains.get(domid).ok_or(XsError::NoEntry)?.ring.is_some() {
            return Err(XsError::Busy);
        }
        let word = u32::try_from(word).ok().filter(|word| word & !features::OURS == 0).ok_or(XsError::Invalid)?;
        self.domains.mask_features(domid, word);
        ack(reply);
        Ok(Outcome::Reply)
    }
}
