//! INTRODUCE, RELEASE, RESUME, SET_TARGET, IS_DOMAIN_INTRODUCED, GET_DOMAIN_PATH.

use xen_abi::{DomId, Gfn, Port};

use super::super::{ConnId, Effect, Server};
use super::{Outcome, Result, ack, atoi};
use crate::path::{self, INTRODUCE_DOMAIN};
use crate::wire::{HEADER_LEN, Header, XsError, one_string, strings};

/// A domid as C takes it; what no domid can be is a domain that is not there.
fn domid(text: &[u8]) -> Result<DomId> {
    u16::try_from(atoi(text)).map(DomId).map_err(|_| XsError::NoEntry)
}

impl Server {
    /// `domid|gfn|port|...` -> `OK|` once the shell has mapped the ring.
    pub(super) fn introduce(&mut self, asker: ConnId, payload: &[u8]) -> Result<Outcome> {
        let mut fields = strings(payload);
        let (Some(id), Some(gfn), Some(port)) = (fields.next(), fields.next(), fields.next()) else { return Err(XsError::Invalid) };
        let domid = domid(id)?;
        let port = u32::try_from(atoi(port)).ok().filter(|port| *port > 0).ok_or(XsError::Invalid)?;
        // The gfn is signed in old clients; nobody but a shell without grants looks at it.
        let gfn = Gfn(atoi(gfn).unsigned_abs());
        let again = self.ring_of(domid).is_some();
        self.effects.push_back(Effect::Introduce { asker, domid, gfn, port: Port(port), again });
        Ok(Outcome::Parked)
    }

    /// The shell's answer to [`Effect::Introduce`]. Gives the connection of the ring, which starts empty.
    pub fn introduced(&mut self, asker: ConnId, domid: DomId, outcome: Result<(), XsError>) -> Option<ConnId> {
        let ring = outcome.is_ok().then(|| self.connect_ring(domid));
        let parked = self.connections.get_mut(&asker).and_then(|connection| connection.parked.take());
        if let Some(message) = parked {
            let header = Header { kind: message.kind, req_id: message.req_id, tx_id: message.tx_id, len: 0 };
            let mut reply = vec![0; HEADER_LEN];
            ack(&mut reply);
            self.send_reply(asker, header, reply, outcome);
        }
        self.wake(asker);
        ring
    }

    /// Connects a domain's ring, or starts it anew. dom0's own ring comes by this way too, unasked.
    pub fn connect_ring(&mut self, domid: DomId) -> ConnId {
        if let Some(conn) = self.ring_of(domid) {
            self.drop_watches(conn);
            self.fairness.forget(conn);
            self.abandon_output(conn);
            if let Some(connection) = self.connections.get_mut(&conn) {
                connection.restart();
            }
            return conn;
        }
        let conn = self.connect_ring_as_new(domid);
        let domain = self.domains.learn(domid, self.generation);
        domain.ring = Some(conn);
        domain.shutdown = false;
        if domid != DomId::DOM0 {
            self.announce(INTRODUCE_DOMAIN);
            self.announce_whom(INTRODUCE_DOMAIN, domid);
        }
        conn
    }

    /// `domid|` -> `OK|`. The domain's nodes go, as if it had died.
    pub(super) fn release(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let domid = self.one_introduced(payload)?;
        self.forget_domain(domid);
        ack(reply);
        Ok(Outcome::Reply)
    }

    /// `domid|` -> `OK|`. The next shutdown is reported again.
    pub(super) fn resume(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let domid = self.one_introduced(payload)?;
        if let Some(domain) = self.domains.get_mut(domid) {
            domain.shutdown = false;
        }
        ack(reply);
        Ok(Outcome::Reply)
    }

    /// `domid|target|` -> `OK|`. The first acts with the rights of the second.
    pub(super) fn set_target(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let mut fields = strings(payload);
        let (Some(actor), Some(target)) = (fields.next(), fields.next()) else { return Err(XsError::Invalid) };
        let (actor, target) = (domid(actor)?, domid(target)?);
        for domid in [actor, target] {
            self.ring_of(domid).ok_or(XsError::NoEntry)?;
        }
        if let Some(domain) = self.domains.get_mut(actor) {
            domain.target = Some(target);
        }
        ack(reply);
        Ok(Outcome::Reply)
    }

    /// `domid|` -> `T|` or `F|`.
    pub(super) fn is_domain_introduced(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let id = atoi(one_string(payload).ok_or(XsError::Invalid)?);
        let known = u16::try_from(id).is_ok_and(|id| DomId(id) == DomId::SELF || self.ring_of(DomId(id)).is_some());
        reply.extend_from_slice(if known { b"T\0" } else { b"F\0" });
        Ok(Outcome::Reply)
    }

    /// `domid|` -> the domain's directory, whether or not there is such a domain.
    pub(super) fn get_domain_path(&mut self, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let id = atoi(one_string(payload).ok_or(XsError::Invalid)?);
        let path = path::domains().child(id.max(0));
        reply.extend_from_slice(path.as_str().as_bytes());
        reply.push(0);
        Ok(Outcome::Reply)
    }

    /// The introduced domain that the only string names; dom0 is never meant.
    fn one_introduced(&self, payload: &[u8]) -> Result<DomId> {
        let domid = domid(one_string(payload).ok_or(XsError::Invalid)?)?;
        match self.ring_of(domid) {
            _ if domid == DomId::DOM0 => Err(XsError::Invalid),
            Some(_) => Ok(domid),
            None => Err(XsError::NoEntry),
        }
    }
}
