//! Which domains have a console, as the store tells it.
//!
//! ```text
//!   @introduceDomain/5 --> new: watch its console/port      without a number: list /local/domain and watch all that are new
//!   console/port     --> look (attach.rs)
//!   console/port again, another port or written anew --> end and attach (soft reset, resume); the log goes on by the ring's own word
//!   @releaseDomain/5 --> ask whether it is still introduced --> gone: end, unwatch      without a number: ask for every domain (one wait)
//! ```
//!
//! A dead domain whose page we kept mapped would stay dying for ever, which is why the release is followed at once.

use std::collections::BTreeSet;

use xen_abi::DomId;
use xen_store::client::{Client, ClientError, Event, Request, Requests, Transport};
use xen_store::path::{self, StorePath};
use xen_store::wire::XsError;

use crate::console::{Console, Terminals};

const INTRODUCE: &str = "introduce";
const RELEASE: &str = "release";
/// After a failure to attach, wait this long before the next try, twice as long each time up to the limit.
pub(crate) const RETRY_MS: u64 = 500;
const RETRY_MAX_MS: u64 = 60_000;

/// A domain that the store knows.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// An event of the port node came since the watch was set: the next one says that the node was written.
    seen: bool,
    /// How long to wait after the next failure.
    retry_ms: u64,
}

pub(crate) fn unwatch(domid: DomId) -> Request {
    Request::unwatch(&path::domain(domid).console_port(), &domid.0.to_string())
}

/// Watches an `@` name. A store of 4.22, and ours, says which domain it was that came or went, another one only that one did.
fn watch_domains<T: Transport>(client: &mut Client<T>, name: &str, token: &str) -> Result<(), ClientError> {
    let path = StorePath::parse(name).map_err(|_| ClientError::Protocol("no such watch"))?;
    match client.call(&Request::watch_to_depth(&path, token, 1)) {
        Err(error) if error.refusal() == Some(XsError::Invalid) => client.watch(&path, token),
        watched => watched.map(drop),
    }
}

/// Whom such an event is about, where it says so: `@releaseDomain/5`.
fn whom(event: &Event) -> Option<DomId> {
    let (_, domid) = event.path.split_once('/')?;
    domid.parse().ok().map(DomId)
}

impl<T: Transport> Console<T> {
    /// Speaks to a store from now on, a new one or the same again. Consoles that are served go on.
    pub fn connect(&mut self, transport: T) -> Result<(), ClientError> {
        let mut client = Client::new(transport);
        watch_domains(&mut client, path::INTRODUCE_DOMAIN, INTRODUCE)?;
        watch_domains(&mut client, path::RELEASE_DOMAIN, RELEASE)?;
        // Watches of the domains died with the old connection; the first events, which come at once, bring them back.
        let gone: Vec<DomId> = self.followed.keys().copied().filter(|domid| !self.sessions.contains_key(domid)).collect();
        self.followed.retain(|domid, _| !gone.contains(domid));
        for (domid, followed) in &mut self.followed {
            followed.seen = false;
            client.watch(&path::domain(*domid).console_port(), &domid.0.to_string())?;
        }
        self.client = Some(client);
        Ok(())
    }

    /// Acts on every event that is here.
    pub(crate) fn follow(&mut self, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        let Some(mut client) = self.client.take() else { return Ok(()) };
        let result = self.follow_with(&mut client, terminals);
        self.client = Some(client);
        result
    }

    fn follow_with(&mut self, client: &mut Client<T>, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        for domid in std::mem::take(&mut self.look_again) {
            if self.followed.contains_key(&domid) {
                self.look(client, domid, terminals)?;
            }
        }
        loop {
            match client.try_event() {
                Ok(Some(event)) => self.act(client, &event, terminals)?,
                Ok(None) => return Ok(()),
                Err(ClientError::EventsLost) => {
                    self.release(client, None, terminals)?;
                    self.introduce(client, None)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn act(&mut self, client: &mut Client<T>, event: &Event, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        match event.token.as_str() {
            INTRODUCE => {
                self.introduce(client, whom(event))?;
                self.look_at_waiting(client, terminals)
            }
            RELEASE => self.release(client, whom(event), terminals),
            token => match token.parse().map(DomId) {
                Ok(domid) => self.port_written(client, domid, terminals),
                Err(_) => Ok(()),
            },
        }
    }

    /// Watches the consoles of domains that are new: this one, or any.
    fn introduce(&mut self, client: &mut Client<T>, domid: Option<DomId>) -> Result<(), ClientError> {
        let domids = match domid {
            Some(domid) => vec![domid],
            None => client.directory(&path::domains())?.iter().filter_map(|name| name.parse().ok().map(DomId)).collect(),
        };
        let is_new = |domid: &DomId| domid.is_ordinary() && *domid != DomId::DOM0 && !self.followed.contains_key(domid);
        let new: Vec<DomId> = domids.into_iter().filter(is_new).collect();
        let watches: Vec<Request> =
            new.iter().map(|domid| Request::watch(&path::domain(*domid).console_port(), &domid.0.to_string())).collect();
        client.pipeline_all(&watches)?;
        self.followed.extend(new.into_iter().map(|domid| (domid, Followed { retry_ms: RETRY_MS, ..Followed::default() })));
        Ok(())
    }

    /// A domain is served from its introduction on: those whose nodes were there before wait for it.
    fn look_at_waiting(&mut self, client: &mut Client<T>, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        let waiting: Vec<DomId> = self
            .followed
            .iter()
            .filter(|(domid, followed)| followed.seen && !self.sessions.contains_key(domid))
            .map(|(domid, _)| *domid)
            .collect();
        for domid in waiting {
            self.look(client, domid, terminals)?;
        }
        Ok(())
    }

    /// Ends the consoles of domains that are gone: this one's, or any's.
    fn release(&mut self, client: &mut Client<T>, domid: Option<DomId>, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        // A console that was served on a toolstack's word, before the introduction was heard of, may not be followed yet, and never will be where
        // the domain's directory went away first.
        let known = self.followed.keys().chain(self.sessions.keys()).copied();
        let domids: BTreeSet<DomId> = known.filter(|known| domid.is_none_or(|domid| domid == *known)).collect();
        let questions: Vec<Request> = domids.iter().map(|domid| Request::is_domain_introduced(*domid)).collect();
        let replies = client.pipeline(&questions)?;
        let gone: Vec<DomId> = domids
            .into_iter()
            .zip(replies)
            .filter(|(_, reply)| reply.as_ref().is_ok_and(|reply| reply.starts_with(b"F")))
            .map(|(domid, _)| domid)
            .collect();
        let unwatch: Vec<Request> = gone.iter().copied().map(unwatch).collect();
        // A store that forgot the watch by itself has nothing to complain about.
        client.pipeline(&unwatch)?;
        for domid in gone {
            self.followed.remove(&domid);
            self.stop(domid, terminals);
        }
        Ok(())
    }

    pub(crate) fn stop(&mut self, domid: DomId, terminals: &mut dyn Terminals) {
        if !self.sessions.contains_key(&domid) {
            return;
        }
        terminals.close(domid);
        match self.end(domid) {
            Ok(()) => tracing::info!("{domid} console: ended"),
            Err(error) => tracing::warn!("{domid} console: ended: {error}"),
        }
    }

    fn port_written(&mut self, client: &mut Client<T>, domid: DomId, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        let Some(followed) = self.followed.get_mut(&domid) else { return Ok(()) };
        let written = std::mem::replace(&mut followed.seen, true);
        if written && self.sessions.contains_key(&domid) {
            self.stop(domid, terminals);
        }
        self.look(client, domid, terminals)
    }
}

impl Followed {
    /// How long to wait before the next try; longer each time.
    pub(crate) fn next_retry(&mut self) -> u64 {
        let wait_ms = self.retry_ms.clamp(RETRY_MS, RETRY_MAX_MS);
        self.retry_ms = wait_ms * 2;
        wait_ms
    }
}
