//! Connections to the store, made when they are needed and kept for the next one who asks.
//!
//! A store that was restarted has closed what is kept here. Then the work is done again over a new connection: whatever the engine asks of the
//! store, it can ask twice.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use xen_store::client::{Client, ClientError, Counters, Transport};

use crate::fault::Fault;

/// A connection.
pub type StoreClient = Client<Box<dyn Transport + Send>>;

/// Makes connections.
pub type Connect = dyn Fn() -> io::Result<Box<dyn Transport + Send>> + Send + Sync;

/// The connections to one store. Clones share them.
#[derive(Clone)]
pub struct Stores {
    connect: Arc<Connect>,
    idle: Arc<Mutex<Vec<StoreClient>>>,
    spent: Arc<Mutex<Counters>>,
}

/// How many idle connections are kept.
const IDLE_MAX: usize = 8;

impl Stores {
    /// Connections to the store that `connect` reaches.
    #[must_use]
    pub fn new(connect: Arc<Connect>) -> Stores {
        Stores { connect, idle: Arc::default(), spent: Arc::default() }
    }

    /// The same connections with counters of their own.
    #[must_use]
    pub fn metered(&self) -> Stores {
        Stores { spent: Arc::default(), ..self.clone() }
    }

    /// A connection of one's own, for watches.
    pub fn connection(&self) -> Result<StoreClient, Fault> {
        Ok(Client::new((self.connect)().map_err(Fault::StoreAbsent)?))
    }

    /// Works with a connection that nobody else uses meanwhile.
    pub fn with<R>(&self, mut work: impl FnMut(&mut StoreClient) -> Result<R, ClientError>) -> Result<R, Fault> {
        if let Some(kept) = self.take() {
            match self.try_with(kept, &mut work) {
                Err(ClientError::Closed | ClientError::Io(_)) => self.discard(),
                answer => return answer.map_err(Fault::Store),
            }
        }
        self.try_with(self.connection()?, &mut work).map_err(Fault::Store)
    }

    /// What was asked of the store so far through this value and its clones.
    #[must_use]
    pub fn counters(&self) -> Counters {
        *self.spent()
    }

    fn try_with<R>(
        &self,
        mut client: StoreClient,
        work: &mut impl FnMut(&mut StoreClient) -> Result<R, ClientError>,
    ) -> Result<R, ClientError> {
        let before = client.counters();
        let answer = work(&mut client);
        let after = client.counters();
        let usable = matches!(answer, Ok(_) | Err(ClientError::Refused { .. } | ClientError::Conflict { .. }));
        {
            let mut spent = self.spent();
            spent.requests += after.requests - before.requests;
            spent.waits += after.waits - before.waits;
        }
        let mut idle = self.idle();
        if usable && idle.len() < IDLE_MAX {
            idle.push(client);
        }
        answer
    }

    fn take(&self) -> Option<StoreClient> {
        self.idle().pop()
    }

    /// The store went away: the other connections to it are dead as well.
    fn discard(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<StoreClient>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spent(&self) -> MutexGuard<'_, Counters> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use xen_store::client::{Loopback, Requests};
    use xen_store::path;
    use xen_store::server::ConnKind;

    #[test]
    fn a_connection_is_used_again_and_counted() {
        let store = Loopback::new();
        let server = store.server().clone();
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let stores = Stores::new(Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(Box::new(Loopback::join(Arc::clone(&server), ConnKind::Socket)))
        }));
        for _ in 0..3 {
            stores.with(|store| store.write(&path::tool::xenith(), "1")).expect("writes");
        }
        assert_eq!(made.load(Ordering::Relaxed), 1);
        assert_eq!((stores.counters().requests, stores.counters().waits), (3, 3));
        let metered = stores.metered();
        metered.with(|store| store.write(&path::tool::xenith(), "1")).expect("writes");
        assert_eq!((metered.counters().requests, stores.counters().requests), (1, 3));
        assert_eq!(made.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_store_that_was_restarted_is_reached_again() {
        let server = Arc::new(Mutex::new(Loopback::new()));
        let reach = Arc::clone(&server);
        let stores = Stores::new(Arc::new(move || {
            let server = reach.lock().unwrap().server().clone();
            Ok(Box::new(Loopback::join(server, ConnKind::Socket)))
        }));
        let write = || stores.with(|store| store.write(&path::tool::xenith(), "1"));
        write().expect("writes");
        // The old core forgets all connections, as a process that dies does.
        let old = std::mem::take(&mut *server.lock().unwrap());
        for conn in 0..8 {
            old.server().lock().unwrap().disconnect(xen_store::server::ConnId(conn));
        }
        write().expect("writes to the new store");
    }

    #[test]
    fn an_absent_store_is_told() {
        let stores = Stores::new(Arc::new(|| Err(io::ErrorKind::ConnectionRefused.into())));
        let fault = stores.with(|store| store.write(&path::tool::xenith(), "1")).unwrap_err();
        assert!(matches!(fault, Fault::StoreAbsent(_)));
    }
}
