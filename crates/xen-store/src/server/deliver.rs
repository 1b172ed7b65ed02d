//! Events and replies on their way out.

use std::sync::Arc;

use super::outbox::{Cause, Origin};
use super::{ConnId, ConnKind, RingError, Server};
use crate::watch::{Change, WatchId};
use crate::wire::{self, HEADER_LEN, Header, MsgType, PAYLOAD_MAX, XsError};

/// Unread bytes at which a socket client is cut off: it has stopped reading, and events for it must not fill memory.
const SOCKET_OUTPUT_MAX: usize = 8 * 1024 * 1024;
/// Unread bytes at which events for dom0's kernel are dropped; it cannot be cut off.
const DOM0_OUTPUT_MAX: u64 = 8 * 1024 * 1024;

impl Server {
    /// Sends the events of some changes to everyone who may hear of them.
    pub(super) fn deliver(&mut self, changes: &[Change]) {
        self.keep_nodes(changes);
        if self.watches.is_empty() {
            return;
        }
        for change in changes {
            for firing in self.watches.fired_by(change) {
                let Some(conn) = self.watches.get(firing.watch).map(|watch| watch.conn) else { continue };
                let may_hear = self.identity(conn).is_some_and(|who| {
                    let reads = |perms: &Arc<crate::perms::Perms>| perms.rights(&who, &self.domains).covers(crate::perms::Rights::READ);
                    firing.seen_by.iter().any(reads)
                });
                if may_hear {
                    self.send_event(firing.watch, &firing.path);
                }
            }
        }
    }

    /// Queues one event. Over-long events are dropped, as are those of a domain that holds its quota of memory unread.
    pub(super) fn send_event(&mut self, id: WatchId, path: &str) {
        let Some(watch) = self.watches.get(id) else { return };
        let conn = watch.conn;
        let payload = [watch.seen_path(path).as_bytes(), &[0], &watch.token, &[0]].concat();
        let mut message = Vec::new();
        if wire::encode(MsgType::WatchEvent.number(), 0, 0, &payload, &mut message).is_err() {
            return;
        }
        let may_merge = !path.starts_with('@');
        let limit = self.event_limit(conn);
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        if may_merge && connection.outbox.is_waiting(&message) {
            return;
        }
        if connection.kind == ConnKind::Socket && connection.outbox.bytes() > SOCKET_OUTPUT_MAX {
            self.break_off(conn, RingError::Communication);
            return;
        }
        if limit.is_none_or(|limit| connection.held() + message.len() as u64 <= limit) {
            connection.work.events += 1;
            let since = self.fairness.now();
            let cause = self.requester.map(|asker| Arc::clone(self.cause.get_or_insert_with(|| Arc::new(Cause(asker)))));
            connection.outbox.event(message.into(), may_merge, Origin { since, cause });
            self.expect_to_read(conn);
            self.mark_dirty(conn);
        } else {
            connection.work.dropped += 1;
        }
    }

    /// Bytes that a client may hold before its events are dropped.
    fn event_limit(&self, conn: ConnId) -> Option<u64> {
        let connection = self.connections.get(&conn)?;
        match connection.kind {
            ConnKind::Socket => None,
            ConnKind::Ring(_) if connection.privileged() => Some(DOM0_OUTPUT_MAX),
            ConnKind::Ring(domid) => {
                let limit = self.domains.limits(connection.kind, &self.quota).memory as u64;
                Some(limit.saturating_sub(self.tree.accounts().get(domid).memory))
            }
        }
    }

    /// Queues a reply: `message` holds room for the header and then the payload, which an error replaces.
    pub(super) fn send_reply(&mut self, conn: ConnId, request: Header, mut message: Vec<u8>, outcome: Result<(), XsError>) {
        let too_big = message.len() > HEADER_LEN + PAYLOAD_MAX;
        let outcome = if too_big { outcome.and(Err(XsError::TooBig)) } else { outcome };
        let mut header = request;
        if let Err(error) = outcome {
            header.kind = MsgType::Error.number();
            message.truncate(HEADER_LEN);
            message.extend_from_slice(error.name().as_bytes());
            message.push(0);
        }
        header.len = u32::try_from(message.len().saturating_sub(HEADER_LEN)).unwrap_or_default();
        if self.trace.speaks() {
            self.trace_message(conn, "OUT", header, message.get(HEADER_LEN..).unwrap_or_default());
        }
        if let Some(room) = message.first_chunk_mut::<HEADER_LEN>() {
            *room = header.encode();
        }
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.outbox.reply(message);
            self.mark_dirty(conn);
        }
    }

    /// Lets those go on whose events this client has read or will never read. Their rings may hold requests, so the shell looks at them.
    pub(super) fn wake_causes(&mut self, conn: ConnId) {
        let freed = self.connections.get_mut(&conn).map(|connection| connection.outbox.take_freed());
        self.wake_all(freed.unwrap_or_default());
    }

    /// Drops what a client has not read.
    pub(super) fn abandon_output(&mut self, conn: ConnId) {
        let freed = self.connections.get_mut(&conn).map(|connection| connection.outbox.abandon());
        self.wake_all(freed.unwrap_or_default());
    }

    fn wake_all(&mut self, freed: Vec<ConnId>) {
        for conn in freed {
            self.wake(conn);
            self.mark_dirty(conn);
        }
    }

    fn mark_dirty(&mut self, conn: ConnId) {
        if let Some(connection) = self.connections.get_mut(&conn)
            && !std::mem::replace(&mut connection.dirty, true)
        {
            self.dirty.push(conn);
        }
    }

    /// Removes every watch of a connection.
    pub(super) fn drop_watches(&mut self, conn: ConnId) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        connection.watch_bytes = 0;
        for (_, id) in connection.watches.drain() {
            self.watches.remove(id);
        }
    }
}
