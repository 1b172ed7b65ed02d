//! The state image of a server: what must outlive the process, kept up to date without a system call.
//!
//! ```text
//!   node        with the change itself (keep_nodes)            path, age among siblings, permissions, value
//!   connection  \                                              kind, ring, how much of the first frame is sent, next transaction
//!   frame        |  with the commit, for clients               number, event or reply, the message
//!   input        |  that were touched                          position, bytes not served yet: a parked request is among them
//!   transaction  |                                             failed or not
//!   logged      /                                              request, digest of its reply
//!   watch       \  with the commit, where they changed
//!   domain      /
//!   settings       with the commit, if different
//!
//!   Server::commit()      ONE store publishes the batch
//!   Server::recover()     the server as the last commit left it; writes nothing
//! ```
//!
//! Whatever a client may have seen must be committed before it can see it: replies are committed before they are sent, and a ring's indices
//! move after the commit that says so.

mod connection;
mod domain;
mod node;
mod recover;
mod settings;
mod watch;

use std::collections::HashMap;

use xen_abi::{DomId, Gfn, Port};

pub(super) use connection::Kept;
use settings::Settings;

use super::{ConnId, ConnKind, Server};
use crate::image::{Cell, Image, Slot};
use crate::watch::WatchId;

/// Where a ring stands, as the shell carries it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingState {
    /// Its frame, for shells that cannot use the grant.
    pub gfn: Gfn,
    /// The domain's port.
    pub remote: Port,
    /// The store's port, where it outlives the process.
    pub local: Option<Port>,
    /// How far requests were taken.
    pub req_cons: u32,
    /// How far replies were given.
    pub rsp_prod: u32,
    /// Not listened to: its error word is written.
    pub stalled: bool,
}

/// Numbers of the last receive and the last send that a commit accounts for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mail {
    /// Of the last receive.
    pub received: u64,
    /// Of the last send.
    pub sent: u64,
}

/// An image and what it holds.
#[derive(Debug)]
pub(super) struct Keeping {
    image: Image,
    mail: Mail,
    watches: HashMap<WatchId, Slot>,
    domains: HashMap<DomId, (Slot, Vec<u8>)>,
    settings: (Slot, Settings),
    /// The client that the image names as being served.
    serving: Option<ConnId>,
}

impl Keeping {
    fn new(image: Image) -> Keeping {
        Keeping {
            image,
            mail: Mail::default(),
            watches: HashMap::new(),
            domains: HashMap::new(),
            settings: (Slot::NONE, Settings::default()),
            serving: None,
        }
    }
}

impl Server {
    /// Writes everything into an empty image, and keeps it up to date from now on: with every [`Server::commit`]. An image that was kept so
    /// far is left as it is.
    pub fn keep(&mut self, image: Image) {
        self.keeping = Some(Box::new(Keeping::new(image)));
        self.keep_all_nodes();
        self.connections.keep();
        self.watches.keep();
        self.domains.touch_all();
        let watches: Vec<WatchId> = self.watches.ids().collect();
        self.keep_watches(watches);
        self.commit();
    }

    /// Publishes everything since the last commit, at once. Does nothing without an image.
    pub fn commit(&mut self) {
        if self.keeping.is_none() {
            return;
        }
        let watches = self.watches.take_changed();
        self.keep_watches(watches);
        self.keep_domains();
        self.keep_connections();
        self.keep_settings();
        let (generation, next_connection) = (self.generation, self.next_connection);
        if let Some(keeping) = &mut self.keeping {
            let Mail { received, sent } = keeping.mail;
            keeping.image.commit(Cell { received, sent, generation, next_connection });
            if keeping.serving.take().is_some() {
                keeping.image.note_serving(0);
            }
        }
    }

    /// Notes for whom something is being done, until the next commit: should that be the end of the process, the next one knows whose request
    /// it was. The shell says so where it works for somebody.
    pub fn note_serving(&mut self, conn: ConnId) {
        if let Some(keeping) = self.keeping.as_mut().filter(|keeping| keeping.serving != Some(conn)) {
            keeping.serving = Some(conn);
            keeping.image.note_serving(conn.0);
        }
    }

    /// Whom the process that wrote the image was working for when it ended, if it was.
    #[must_use]
    pub fn was_serving(&self) -> Option<ConnId> {
        self.keeping.as_ref()?.serving
    }

    /// Whether the image was too small at some time: nobody can take it up then. The shell should say so and give a larger one.
    #[must_use]
    pub fn is_spoilt(&self) -> bool {
        self.keeping.as_ref().is_some_and(|keeping| keeping.image.is_spoilt())
    }

    /// Where each ring stands, as the last commit says: what must be mapped and bound again.
    #[must_use]
    pub fn rings(&self) -> Vec<(ConnId, DomId, RingState)> {
        let ring = |(conn, connection): (&ConnId, &super::Connection)| match connection.kind {
            ConnKind::Ring(domid) => Some((*conn, domid, connection.ring?)),
            ConnKind::Socket => None,
        };
        self.connections.iter().filter_map(ring).collect()
    }

    /// Notes where a ring stands; part of the next commit.
    pub fn set_ring(&mut self, conn: ConnId, state: RingState) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.ring = Some(state);
        }
    }

    /// The live update that was under way when the last commit was made, as it stands once it is started: for whoever goes on in place of the
    /// server that was asked. Gives its asker, whose request waits for the answer again.
    pub fn resume_live_update(&mut self) -> Option<ConnId> {
        let conn = self.live_update.as_mut()?.resume();
        let connection = self.connections.get_mut(&conn)?;
        let quota = self.domains.limits(connection.kind, &self.quota);
        connection.parked = connection.next_request(quota).ok().flatten();
        connection.parked.as_ref().map(|_| conn)
    }

    /// Every client on a socket.
    #[must_use]
    pub fn sockets(&self) -> Vec<ConnId> {
        let sockets = self.connections.iter().filter(|(_, connection)| connection.kind == ConnKind::Socket);
        sockets.map(|(conn, _)| *conn).collect()
    }

    /// What the last commit accounts for, and what [`Server::set_mail`] said since.
    #[must_use]
    pub fn mail(&self) -> Mail {
        self.keeping.as_ref().map(|keeping| keeping.mail).unwrap_or_default()
    }

    /// Notes which receive and which send are accounted for; part of the next commit.
    pub fn set_mail(&mut self, mail: Mail) {
        if let Some(keeping) = &mut self.keeping {
            keeping.mail = mail;
        }
    }
}
