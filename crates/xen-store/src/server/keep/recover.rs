//! A server out of the state image that a dead, or a replaced, process left.

use std::collections::HashMap;

use super::super::transaction::{Surroundings, Transaction};
use super::super::{ConnId, ConnKind, Connection, Effect, RingError, Server};
use super::connection::{self, Piece};
use super::{Keeping, Mail, node};
use crate::image::{Image, ImageError, Kind, Reader, Record, Slot};
use crate::quota::Quota;
use crate::wire::MsgType;

/// Records by kind.
#[derive(Default)]
struct Sorted<'a> {
    nodes: Vec<Record<'a>>,
    watches: Vec<Record<'a>>,
    connections: Vec<Record<'a>>,
    frames: Vec<Record<'a>>,
    input: Vec<Record<'a>>,
    transactions: Vec<Record<'a>>,
    logged: Vec<Record<'a>>,
    domains: Vec<Record<'a>>,
    settings: Vec<Record<'a>>,
}

impl<'a> Sorted<'a> {
    fn new(records: Vec<Record<'a>>) -> Sorted<'a> {
        let mut sorted = Sorted::default();
        for record in records {
            match record.kind {
                Kind::Node => &mut sorted.nodes,
                Kind::Watch => &mut sorted.watches,
                Kind::Connection => &mut sorted.connections,
                Kind::Frame => &mut sorted.frames,
                Kind::Input => &mut sorted.input,
                Kind::Transaction => &mut sorted.transactions,
                Kind::Logged => &mut sorted.logged,
                Kind::Domain => &mut sorted.domains,
                Kind::Settings => &mut sorted.settings,
            }
            .push(record);
        }
        sorted
    }
}

/// A record that begins with a client and a number, and the rest of it.
type Numbered<'a> = (ConnId, u64, &'a Record<'a>, Reader<'a>);

impl Server {
    /// The server as the last commit left it, which goes on keeping the same image. Nothing is written before the next commit: whoever the
    /// image belongs to may still go on if this one gives up. Figures start anew; the shell maps the [`Server::rings`], looks after the
    /// [`Server::sockets`], carries out the effects and asks for the state of every domain.
    pub fn recover(mut image: Image) -> Result<Server, ImageError> {
        let cell = image.cell();
        let mut bytes = Vec::new();
        let records = Sorted::new(image.scan(&mut bytes)?);
        let mut server = Server::new(Quota::default());
        // Nodes carry no generation: whoever is half through a long listing starts it again.
        server.generation = cell.generation + 1;
        server.next_connection = cell.next_connection;
        server.tree = node::recover(&records.nodes, server.generation)?;
        let mut keeping = Keeping::new(image);
        keeping.mail = Mail { received: cell.received, sent: cell.sent };
        keeping.serving = Some(ConnId(keeping.image.serving())).filter(|conn| conn.0 != 0);
        let [settings] = records.settings.as_slice() else { return Err(ImageError::Damaged("there are no settings, or two")) };
        keeping.settings = (settings.slot, server.recover_settings(settings.body)?);
        for record in &records.domains {
            let domid = server.recover_domain(record)?;
            keeping.domains.insert(domid, (record.slot, record.body.to_vec()));
        }
        server.recover_connections(&records)?;
        keeping.watches = server.recover_watches(&records.watches)?;
        server.recover_transactions(&records)?;
        server.domains.take_touched();
        server.connections.keep_from_here();
        server.watches.keep();
        server.keeping = Some(Box::new(keeping));
        server.wake_recovered();
        Ok(server)
    }

    fn recover_connections(&mut self, records: &Sorted<'_>) -> Result<(), ImageError> {
        let mut half_sent = HashMap::new();
        for record in &records.connections {
            let kept = connection::decode(record)?;
            if let ConnKind::Ring(domid) = kept.connection.kind {
                self.domains.get_mut(domid).ok_or(ImageError::Damaged("a ring has no domain"))?.ring = Some(kept.conn);
            }
            half_sent.insert(kept.conn, kept.sent);
            self.next_ring = self.next_ring.max(kept.conn.0);
            self.connections.insert(kept.conn, kept.connection);
        }
        for (conn, number, record, body) in self.numbered(&records.frames)? {
            let mut body = body;
            let is_event = body.flag()?;
            self.recovered(conn)?.outbox.take_back(
                number,
                is_event,
                body.rest(),
                record.slot,
                half_sent.get(&conn).copied().unwrap_or_default(),
            );
        }
        for (conn, at, record, body) in self.numbered(&records.input)? {
            let connection = self.recovered(conn)?;
            let skip = usize::try_from(connection.pushed.saturating_sub(at)).unwrap_or(usize::MAX);
            let fresh = body.rest().get(skip..).unwrap_or_default();
            connection.push(fresh);
            connection.kept.input.push_back(Piece { end: connection.pushed, slot: record.slot });
        }
        Ok(())
    }

    fn recovered(&mut self, conn: ConnId) -> Result<&mut Connection, ImageError> {
        self.connections.get_mut(&conn).ok_or(ImageError::Damaged("something belongs to no client"))
    }

    /// Records that begin with a client and a number, in this order.
    fn numbered<'a>(&self, records: &'a [Record<'a>]) -> Result<Vec<Numbered<'a>>, ImageError> {
        let read = |record: &'a Record<'a>| {
            let mut body = Reader::new(record.body);
            Ok((ConnId(body.number()?), body.number()?, record, body))
        };
        let mut numbered = records.iter().map(read).collect::<Result<Vec<_>, ImageError>>()?;
        numbered.sort_unstable_by_key(|(conn, number, ..)| (*conn, *number));
        Ok(numbered)
    }

    fn recover_transactions(&mut self, records: &Sorted<'_>) -> Result<(), ImageError> {
        for (conn, id, record, body) in self.numbered(&records.transactions)? {
            let mut body = body;
            let transaction = Transaction::recovered(&self.tree, &self.domains, body.flag()?, record.slot);
            let id = u32::try_from(id).map_err(|_| ImageError::Damaged("a transaction has no number"))?;
            self.recovered(conn)?.transactions.insert(id, transaction);
        }
        let mut logged = Vec::new();
        for (conn, id, record, body) in self.numbered(&records.logged)? {
            let mut body = body;
            let id = u32::try_from(id).map_err(|_| ImageError::Damaged("a transaction has no number"))?;
            logged.push((conn, id, body.number()?, record.slot, body));
        }
        logged.sort_unstable_by_key(|(conn, id, number, ..)| (*conn, *id, *number));
        for (conn, id, _, slot, body) in logged {
            self.run_logged(conn, id, slot, body)?;
        }
        Ok(())
    }

    fn run_logged(&mut self, conn: ConnId, id: u32, slot: Slot, mut body: Reader<'_>) -> Result<(), ImageError> {
        let kind = MsgType::from_number(body.narrow()?).ok_or(ImageError::Damaged("a logged request has no type"))?;
        let digest = body.number()?;
        let who = self.identity(conn).ok_or(ImageError::Damaged("a transaction has no client"))?;
        let connection = self.connections.get_mut(&conn).ok_or(ImageError::Damaged("a transaction has no client"))?;
        let held = connection.held();
        let mut around =
            Surroundings::new(&mut self.generation, &self.domains, &self.quota, who, (connection.kind, &connection.home), held);
        let transaction = connection.transactions.get_mut(&id).ok_or(ImageError::Damaged("a logged request has no transaction"))?;
        transaction.run_again(kind, body.rest(), digest, slot, &mut around);
        Ok(())
    }

    /// Everybody with something to serve or to send gets a turn; those that broke the protocol are told to the shell again.
    fn wake_recovered(&mut self) {
        let conns: Vec<ConnId> = self.connections.iter().map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.wake(conn);
            self.expect_to_read(conn);
            let Some(connection) = self.connections.get_mut(&conn) else { continue };
            if !connection.outbox.is_empty() {
                connection.dirty = true;
                self.dirty.push(conn);
            }
            let stalled = connection.ring.is_some_and(|ring| ring.stalled);
            match connection.kind {
                ConnKind::Socket if connection.broken => self.effects.push_back(Effect::Close { conn }),
                ConnKind::Ring(domid) if connection.broken && !stalled => {
                    self.effects.push_back(Effect::Stall { conn, domid, error: RingError::Protocol });
                }
                _ => {}
            }
        }
    }
}
