//! A store in the same process: for tests of whatever speaks to a store.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Transport;
use crate::quota::Quota;
use crate::server::{ConnId, ConnKind, Effect, Server};

/// One connection to a server core that several connections share. Every domain that is asked for exists, and every ring can be mapped.
#[derive(Debug)]
pub struct Loopback {
    server: Arc<Mutex<Server>>,
    conn: ConnId,
}

impl Loopback {
    /// A tools' connection to a new, empty store.
    #[must_use]
    pub fn new() -> Loopback {
        Loopback::join(Arc::new(Mutex::new(Server::new(Quota::default()))), ConnKind::Socket)
    }

    /// A connection to a store that others use too.
    #[must_use]
    pub fn join(server: Arc<Mutex<Server>>, kind: ConnKind) -> Loopback {
        let conn = match kind {
            ConnKind::Socket => lock(&server).connect(kind),
            ConnKind::Ring(domid) => lock(&server).connect_ring(domid),
        };
        Loopback { server, conn }
    }

    /// The store.
    #[must_use]
    pub fn server(&self) -> &Arc<Mutex<Server>> {
        &self.server
    }
}

impl Default for Loopback {
    fn default() -> Loopback {
        Loopback::new()
    }
}

fn lock(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets the server work until nothing is left to do.
fn settle(server: &mut Server) {
    loop {
        while server.step() {}
        match server.next_effect() {
            None => return,
            Some(Effect::Introduce { asker, domid, .. }) => _ = server.introduced(asker, domid, Ok(())),
            Some(Effect::Query { asker, domid }) => server.known(asker, domid, true),
            Some(Effect::Close { conn }) => server.disconnect(conn),
            Some(Effect::LiveUpdate(request)) => server.live_updated(request.asker, Err("nothing can take over here")),
            Some(Effect::Release { .. } | Effect::Stall { .. } | Effect::AbortLiveUpdate) => {}
            Some(Effect::Print(_) | Effect::Log(_) | Effect::Trace(_) | Effect::LogFile(_) | Effect::MemoryReport { .. }) => {}
        }
    }
}

impl Read for Loopback {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut server = lock(&self.server);
        settle(&mut server);
        let mut bytes = Vec::new();
        server.output(self.conn, into.len(), &mut bytes);
        server.sent(self.conn, bytes.len());
        if !server.is_connected(self.conn) {
            return Ok(0);
        }
        if bytes.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the store has nothing to say and nobody else to wait for"));
        }
        bytes.as_slice().read(into)
    }
}

impl Write for Loopback {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        lock(&self.server).input(self.conn, from);
        Ok(from.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Loopback {
    fn wait_readable(&mut self, _timeout: Option<Duration>) -> io::Result<bool> {
        let mut server = lock(&self.server);
        settle(&mut server);
        Ok(server.has_output(self.conn) || !server.is_connected(self.conn))
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        lock(&self.server).disconnect(self.conn);
    }
}
