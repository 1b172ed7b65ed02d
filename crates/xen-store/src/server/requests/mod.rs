//! Requests, one file per family.
//!
//! ```text
//!   handle: known type? -> privileged? -> transaction known? -> the family's function     (C xenstored checks in this order)
//!
//!   read.rs  write.rs  perms.rs     what a transaction can hold: pure functions of a tree
//!   watch.rs  domain.rs  transaction.rs  control.rs     what changes the server
//! ```

mod control;
mod domain;
mod feature;
mod perms;
mod quota;
mod read;
mod scope;
mod transaction;
mod watch;
mod write;

use xen_abi::DomId;

use super::transaction::Surroundings;
use super::{ConnId, Server};
use crate::path::StorePath;
use crate::perms::Identity;
use crate::watch::WatchId;
use crate::wire::{HEADER_LEN, Header, Message, MsgType, XsError};
pub(super) use control::{LiveUpdate, Trace};
pub(super) use scope::Scope;
use scope::path_limit;

/// What a request amounts to.
enum Outcome {
    /// The reply is complete.
    Reply,
    /// The reply is complete, and this watch's first event follows it.
    ReplyThenEvent(WatchId),
    /// The shell must answer first; the request is looked at again then.
    Parked,
}

type Result<T, E = XsError> = std::result::Result<T, E>;

/// A request on nodes: everything that a transaction can hold. Appends the reply.
pub(super) fn node_request(kind: MsgType, payload: &[u8], scope: &mut Scope<'_>, reply: &mut Vec<u8>) -> Result<()> {
    match kind {
        MsgType::Directory => read::directory(payload, scope, reply),
        MsgType::DirectoryPart => read::directory_part(payload, scope, reply),
        MsgType::Read => read::read(payload, scope, reply),
        MsgType::GetPerms => perms::get(payload, scope, reply),
        MsgType::SetPerms => perms::set(payload, scope, reply),
        MsgType::Write => write::write(payload, scope, reply),
        MsgType::Mkdir => write::mkdir(payload, scope, reply),
        MsgType::Rm => write::rm(payload, scope, reply),
        _ => Err(XsError::NoSystem),
    }
}

/// The reply of requests that have nothing to say.
fn ack(reply: &mut Vec<u8>) {
    reply.extend_from_slice(b"OK\0");
}

/// A decimal number at the start of a string, as C's `atoi` takes it: white space, a sign, digits; 0 where there is none.
fn atoi(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    let value = digits.fold(0i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    if negative { -value } else { value }
}

/// A domid as 4.22 takes it: a decimal number up to 65535 and nothing behind it.
fn strict_domid(text: &[u8]) -> Result<DomId> {
    let only_digits = text.trim_ascii_start().iter().all(u8::is_ascii_digit);
    let domid = u16::try_from(atoi(text)).ok().filter(|_| only_digits);
    domid.map(DomId).ok_or(XsError::Invalid)
}

impl Server {
    /// Serves one request: its reply is queued, or it is parked until the shell answers.
    pub(super) fn handle(&mut self, conn: ConnId, message: Message) {
        let mut reply = Vec::with_capacity(HEADER_LEN + 64);
        reply.resize(HEADER_LEN, 0);
        let header = Header { kind: message.kind, req_id: message.req_id, tx_id: message.tx_id, len: 0 };
        if self.trace.speaks() {
            self.trace_message(conn, "IN", header, &message.payload);
        }
        self.requester = self.connections.get(&conn).filter(|connection| !connection.privileged()).map(|_| conn);
        let outcome = self.serve(conn, &message, &mut reply);
        self.requester = None;
        if let Some(cause) = self.cause.take()
            && let Some(connection) = self.connections.get_mut(&conn)
        {
            connection.add_cause(cause);
        }
        self.note_work(conn, &message, &outcome);
        match outcome {
            Ok(Outcome::Reply) => self.send_reply(conn, header, reply, Ok(())),
            Ok(Outcome::ReplyThenEvent(watch)) => {
                self.send_reply(conn, header, reply, Ok(()));
                let path = self.watches.get(watch).map(|watch| watch.path.to_string());
                self.send_event(watch, &path.unwrap_or_default());
            }
            Ok(Outcome::Parked) => {
                if let Some(connection) = self.connections.get_mut(&conn) {
                    connection.parked = Some(message);
                }
            }
            Err(error) => self.send_reply(conn, header, reply, Err(error)),
        }
    }

    fn serve(&mut self, conn: ConnId, message: &Message, reply: &mut Vec<u8>) -> Result<Outcome> {
        use MsgType::*;
        let who = self.identity(conn).ok_or(XsError::Io)?;
        let kind = MsgType::from_number(message.kind).ok_or(XsError::NoSystem)?;
        match kind {
            WatchEvent | Error => return Err(XsError::NoSystem),
            Control | Introduce | Release | IsDomainIntroduced | Resume | SetTarget | SetFeature | GetQuota | SetQuota
                if !who.privileged =>
            {
                return Err(XsError::Access);
            }
            Watch | Unwatch => {}
            _ => self.check_transaction(conn, message.tx_id)?,
        }
        if self.fairness.is_active()
            && let Some(holder) = self.disturbed_by(conn, kind, message)
        {
            self.fairness.park(conn, holder);
            return Ok(Outcome::Parked);
        }
        let payload = &message.payload;
        if let Some(domid) = self.unknown_domain(&who, kind, payload) {
            return Ok(self.ask_about(conn, domid));
        }
        match kind {
            Directory | DirectoryPart | Read | GetPerms | Write | Mkdir | Rm | SetPerms => self.on_nodes(conn, &who, message, kind, reply),
            Watch => self.watch(conn, &who, payload, reply),
            Unwatch => self.unwatch(conn, &who, payload, reply),
            ResetWatches => self.reset_watches(conn, reply),
            TransactionStart => self.transaction_start(conn, &who, message.tx_id, reply),
            TransactionEnd => self.transaction_end(conn, &who, message, reply),
            Introduce => self.introduce(conn, payload),
            Release => self.release(payload, reply),
            Resume => self.resume(payload, reply),
            SetTarget => self.set_target(payload, reply),
            GetDomainPath => self.get_domain_path(payload, reply),
            IsDomainIntroduced => self.is_domain_introduced(payload, reply),
            Control => self.control(conn, payload, reply),
            GetFeature => self.get_feature(conn, &who, payload, reply),
            SetFeature => self.set_feature(payload, reply),
            GetQuota => self.get_quota(payload, reply),
            SetQuota => self.set_quota(payload, reply),
            WatchEvent | Error => Err(XsError::NoSystem),
        }
    }

    /// A request on nodes, in its transaction or on the live tree.
    fn on_nodes(&mut self, conn: ConnId, who: &Identity, message: &Message, kind: MsgType, reply: &mut Vec<u8>) -> Result<Outcome> {
        let connection = self.connections.get_mut(&conn).ok_or(XsError::Io)?;
        let held = connection.held();
        let mut around =
            Surroundings::new(&mut self.generation, &self.domains, &self.quota, *who, (connection.kind, &connection.home), held);
        if message.tx_id != 0 {
            let transaction = connection.transactions.get_mut(&message.tx_id).ok_or(XsError::NoEntry)?;
            transaction.run(kind, &message.payload, &mut around, reply)?;
            return Ok(Outcome::Reply);
        }
        let mut changes = Vec::new();
        around.run(&mut self.tree, &mut changes, kind, &message.payload, reply)?;
        self.deliver(&changes);
        Ok(Outcome::Reply)
    }

    /// Whose lease this request would disturb.
    fn disturbed_by(&self, conn: ConnId, kind: MsgType, message: &Message) -> Option<ConnId> {
        let connection = self.connections.get(&conn)?;
        let in_the_way = |kind, path: &StorePath| self.fairness.in_the_way(conn, &self.tree, kind, path);
        match kind {
            MsgType::TransactionEnd => {
                let transaction = connection.transactions.get(&message.tx_id)?;
                transaction.touched(&connection.home).find_map(|(kind, path)| in_the_way(kind, &path))
            }
            MsgType::Write | MsgType::Mkdir | MsgType::Rm | MsgType::SetPerms if message.tx_id == 0 => {
                let path = StorePath::of_request(&message.payload, &connection.home)?;
                in_the_way(kind, &path)
            }
            _ => None,
        }
    }

    fn check_transaction(&self, conn: ConnId, tx_id: u32) -> Result<()> {
        let connection = self.connections.get(&conn).ok_or(XsError::Io)?;
        match tx_id {
            0 => Ok(()),
            _ if connection.transactions.contains_key(&tx_id) => Ok(()),
            _ => Err(XsError::NoEntry),
        }
    }
}
