//! The events thread: waits for the store's word of a domain that came, stopped or went, and looks around.
//!
//! ```text
//!   connect, watch @introduceDomain and @releaseDomain --> observe --> wait: an event, or what is due next, or a minute
//!        ^                                                    ^______________________|
//!        +---- the connection broke: a second later, and meanwhile observe from time to time
//! ```

use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use xen_store::client::{ClientError, Requests};
use xen_store::path::{INTRODUCE_DOMAIN, RELEASE_DOMAIN, StorePath};
use xenith_engine::store::StoreClient;

use xenith_api::latest::EventKind;

use crate::Control;
use crate::log::Draft;

/// Looks around after this long even without an event.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Tries to reach the store again after this long.
const RECONNECT: Duration = Duration::from_secs(1);
/// Events within this time are looked at together: domains come and go in bursts, and their creator, who may be us, goes first.
const BURST: Duration = Duration::from_millis(5);

/// Starts the thread. It ends within a minute after the last other user of the core is gone.
pub fn spawn(control: &Arc<Control>) -> std::io::Result<JoinHandle<()>> {
    let control = Arc::downgrade(control);
    std::thread::Builder::new().name("events".to_owned()).spawn(move || follow(&control))
}

fn follow(control: &Weak<Control>) {
    let mut told = false;
    while let Some(alive) = control.upgrade() {
        match alive.stores().connection().map_err(|fault| fault.to_string()).and_then(|client| watch(client).map_err(|e| e.to_string())) {
            Ok(client) => {
                if std::mem::take(&mut told) {
                    alive.tell(vec![Draft::new(EventKind::StoreBack, "store: it answers again")]);
                }
                drop(alive);
                let Some(error) = serve(control, client) else { return };
                tracing::warn!("store: {error}; connecting again");
            }
            Err(error) => {
                // Told once, not every second.
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!("store: {error}; trying again every second");
                    alive.tell(vec![Draft::new(EventKind::StoreLost, format!("store: {error}"))]);
                }
                look(&alive);
                drop(alive);
                std::thread::sleep(RECONNECT);
            }
        }
    }
}

fn watch(mut client: StoreClient) -> Result<StoreClient, ClientError> {
    for (name, token) in [(INTRODUCE_DOMAIN, "introduce"), (RELEASE_DOMAIN, "release")] {
        let path = StorePath::parse(name).map_err(|_| ClientError::Protocol("a watch that is no path"))?;
        client.watch(&path, token)?;
    }
    Ok(client)
}

/// Looks around after each burst of events; gives the connection's failure, or none when the core is gone.
fn serve(control: &Weak<Control>, mut client: StoreClient) -> Option<ClientError> {
    loop {
        let next = look(&control.upgrade()?);
        match client.wait_event(Some(next)) {
            Ok(Some(_)) => std::thread::sleep(BURST),
            Ok(None) => {}
            Err(error) => return Some(error),
        }
        if let Err(error) = drain(&mut client) {
            return Some(error);
        }
    }
}

/// What came meanwhile is seen by the same look. Events that were lost are as good as one more.
fn drain(client: &mut StoreClient) -> Result<(), ClientError> {
    loop {
        match client.try_event() {
            Ok(Some(_)) | Err(ClientError::EventsLost) => {}
            Ok(None) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn look(control: &Arc<Control>) -> Duration {
    match control.observe() {
        Ok(due) => due.map_or(LOOK_AGAIN, |due| due.min(LOOK_AGAIN)),
        Err(problem) => {
            tracing::warn!("{problem}");
            RECONNECT
        }
    }
}
