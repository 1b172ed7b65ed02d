//! WATCH, UNWATCH, RESET_WATCHES.

use super::super::{ConnId, Server, features};
use super::{Outcome, Result, ack, atoi, path_limit};
use crate::path::StorePath;
use crate::perms::Identity;
use crate::watch::Watch;
use crate::wire::{XsError, strings};

impl Server {
    /// `path|token|` or `path|token|depth|` (4.22) -> `OK|`, and the watch fires once at once.
    pub(super) fn watch(&mut self, conn: ConnId, who: &Identity, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let mut fields = strings(payload);
        let (Some(sent), Some(token)) = (fields.next(), fields.next()) else { return Err(XsError::Invalid) };
        let depth = fields.next().map(|depth| self.parse_depth(conn, depth)).transpose()?;
        if fields.next().is_some() {
            return Err(XsError::Invalid);
        }
        let path = self.watch_path(conn, who, sent)?;
        self.check_new_watch(conn, who, &path, token)?;
        let connection = self.connections.get_mut(&conn).ok_or(XsError::Io)?;
        let relative = !matches!(sent.first(), Some(b'/' | b'@'));
        let hidden_prefix = if relative { connection.home.len() + 1 } else { 0 };
        let watch = Watch { conn, path: path.clone(), token: token.into(), hidden_prefix, depth };
        connection.watch_bytes += watch.size();
        let id = self.watches.add(watch);
        connection.watches.insert((path, token.into()), id);
        ack(reply);
        Ok(Outcome::ReplyThenEvent(id))
    }

    /// `path|token|` -> `OK|`.
    pub(super) fn unwatch(&mut self, conn: ConnId, who: &Identity, payload: &[u8], reply: &mut Vec<u8>) -> Result<Outcome> {
        let mut fields = strings(payload);
        let (Some(sent), Some(token), None) = (fields.next(), fields.next(), fields.next()) else { return Err(XsError::Invalid) };
        let path = self.watch_path(conn, who, sent)?;
        let connection = self.connections.get_mut(&conn).ok_or(XsError::Io)?;
        let id = connection.watches.remove(&(path, token.into())).ok_or(XsError::NoEntry)?;
        if let Some(watch) = self.watches.remove(id) {
            connection.watch_bytes -= watch.size();
        }
        ack(reply);
        Ok(Outcome::Reply)
    }

    /// `|` -> `OK|`. Drops transactions too: a kernel that starts anew knows nothing of either.
    pub(super) fn reset_watches(&mut self, conn: ConnId, reply: &mut Vec<u8>) -> Result<Outcome> {
        self.drop_watches(conn);
        self.fairness.forget(conn);
        self.connections.get_mut(&conn).ok_or(XsError::Io)?.drop_transactions();
        ack(reply);
        Ok(Outcome::Reply)
    }

    fn watch_path(&self, conn: ConnId, who: &Identity, sent: &[u8]) -> Result<StorePath> {
        let connection = self.connections.get(&conn).ok_or(XsError::Io)?;
        let limit = path_limit(who, self.domains.limits(connection.kind, &self.quota));
        StorePath::resolve(sent, &connection.home, limit).map_err(|_| XsError::Invalid)
    }

    fn check_new_watch(&self, conn: ConnId, who: &Identity, path: &StorePath, token: &[u8]) -> Result<()> {
        let connection = self.connections.get(&conn).ok_or(XsError::Io)?;
        if connection.watches.contains_key(&(path.clone(), token.into())) {
            return Err(XsError::Exists);
        }
        if who.privileged {
            return Ok(());
        }
        let quota = self.domains.limits(connection.kind, &self.quota);
        if connection.watches.len() > quota.watches {
            return Err(XsError::TooBig);
        }
        let size = (path.as_str().len() + token.len()) as u64;
        let memory = self.tree.accounts().get(who.domid).memory + connection.held() + size;
        if memory >= quota.memory as u64 { Err(XsError::NoMemory) } else { Ok(()) }
    }

    /// A depth as C takes it, where the client is offered any.
    fn parse_depth(&self, conn: ConnId, text: &[u8]) -> Result<usize> {
        let kind = self.connections.get(&conn).ok_or(XsError::Io)?.kind;
        if self.domains.features(kind) & features::WATCH_DEPTH == 0 {
            return Err(XsError::Invalid);
        }
        usize::try_from(atoi(text)).map_err(|_| XsError::Invalid)
    }
}
