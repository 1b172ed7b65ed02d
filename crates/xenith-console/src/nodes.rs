//! Which domains have a console, as the store tells it.
//!
//! ```text
//!   @introduceDomain --> list /local/domain --> new: watch its console/port
//!   console/port     --> look: type, port, name, vm, introduced?  (one wait)
//!                          nothing yet, or not introduced: wait for the next event
//!                          type ioemu: not ours
//!                          else attach: grant 0 -> ring, bind port, log, terminal, console/tty
//!   console/port again, another port or written anew --> end and attach (soft reset, resume); the log goes on by the ring's own word
//!   @releaseDomain   --> ask for every domain whether it is still introduced (one wait) --> gone: end, unwatch
//! ```
//!
//! A dead domain whose page we kept mapped would stay dying for ever, which is why the release is followed at once.

use xen_abi::{DomId, GrantRef, Port};
use xen_backend::console::ConsoleRing;
use xen_hv::{Access, MapError};
use xen_store::client::{Client, ClientError, Event, Reply, Request, Requests, Transport};
use xen_store::path::{self, StorePath};

use crate::console::{Console, Terminals};
use crate::session::{Plan, Session, SessionError};

/// The grant that every builder makes for the console (`GNTTAB_RESERVED_CONSOLE`, public/grant_table.h).
const CONSOLE_GRANT: GrantRef = GrantRef(0);
const INTRODUCE: &str = "introduce";
const RELEASE: &str = "release";
/// After a failure to attach, wait this long before the next try, twice as long each time up to the limit.
const RETRY_MS: u64 = 500;
const RETRY_MAX_MS: u64 = 60_000;

/// A domain that the store knows.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// An event of the port node came since the watch was set: the next one says that the node was written.
    seen: bool,
    /// How long to wait after the next failure.
    retry_ms: u64,
    /// A timer asked to look again.
    look_again: bool,
}

/// Why a console is not served.
#[derive(Debug, thiserror::Error)]
enum AttachError {
    #[error("{0}")]
    Map(#[from] MapError),
    #[error("{0}")]
    Session(#[from] SessionError),
}

/// What the nodes of a domain's console say.
#[derive(Debug, PartialEq, Eq)]
struct Nodes {
    port: Option<Port>,
    ours: bool,
    name: Option<String>,
    vm: Option<String>,
    introduced: bool,
}

impl Nodes {
    fn requests(domid: DomId) -> [Request; 5] {
        let domain = path::domain(domid);
        let [kind, port, name, vm] =
            [domain.console_type(), domain.console_port(), domain.name(), domain.vm()].map(|path| Request::read(&path));
        [kind, port, name, vm, Request::is_domain_introduced(domid)]
    }

    /// The domain's directory went away, and it was never introduced: a creation that was undone.
    fn are_gone(&self) -> bool {
        self.port.is_none() && self.name.is_none() && self.vm.is_none() && !self.introduced
    }

    fn from_replies(replies: Vec<Reply>) -> Nodes {
        let mut replies = replies.into_iter();
        let mut text = || String::from_utf8(replies.next()?.ok()?).ok().filter(|text| !text.is_empty());
        let (kind, port, name, vm, introduced) = (text(), text(), text(), text(), text());
        Nodes {
            port: port.and_then(|port| port.parse().ok()).map(Port),
            // No type is what the first toolstacks wrote, for the only daemon there was.
            ours: kind.is_none_or(|kind| kind == "xenconsoled"),
            name,
            vm,
            introduced: introduced.is_some_and(|reply| reply.starts_with('T')),
        }
    }
}

fn unwatch(domid: DomId) -> Request {
    Request::unwatch(&path::domain(domid).console_port(), &domid.0.to_string())
}

impl<T: Transport> Console<T> {
    /// Speaks to a store from now on, a new one or the same again. Consoles that are served go on.
    pub fn connect(&mut self, transport: T) -> Result<(), ClientError> {
        let mut client = Client::new(transport);
        let special = |path| StorePath::parse(path).map_err(|_| ClientError::Protocol("no such watch"));
        client.watch(&special(path::INTRODUCE_DOMAIN)?, INTRODUCE)?;
        client.watch(&special(path::RELEASE_DOMAIN)?, RELEASE)?;
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
        let again: Vec<DomId> =
            self.followed.iter_mut().filter_map(|(domid, followed)| std::mem::take(&mut followed.look_again).then_some(*domid)).collect();
        for domid in again {
            self.look(client, domid, terminals)?;
        }
        loop {
            match client.try_event() {
                Ok(Some(event)) => self.act(client, &event, terminals)?,
                Ok(None) => return Ok(()),
                Err(ClientError::EventsLost) => {
                    self.release(client, terminals)?;
                    self.introduce(client)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn act(&mut self, client: &mut Client<T>, event: &Event, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        match event.token.as_str() {
            INTRODUCE => {
                self.introduce(client)?;
                self.look_at_waiting(client, terminals)
            }
            RELEASE => self.release(client, terminals),
            token => match token.parse().map(DomId) {
                Ok(domid) => self.port_written(client, domid, terminals),
                Err(_) => Ok(()),
            },
        }
    }

    /// Watches the consoles of domains that are new.
    fn introduce(&mut self, client: &mut Client<T>) -> Result<(), ClientError> {
        let names = client.directory(&path::domains())?;
        let domids = names.iter().filter_map(|name| name.parse().ok().map(DomId));
        let new: Vec<DomId> =
            domids.filter(|domid| domid.is_ordinary() && *domid != DomId::DOM0 && !self.followed.contains_key(domid)).collect();
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

    /// Ends the consoles of domains that are gone.
    fn release(&mut self, client: &mut Client<T>, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        let domids: Vec<DomId> = self.followed.keys().copied().collect();
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

    fn stop(&mut self, domid: DomId, terminals: &mut dyn Terminals) {
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

    /// Reads a domain's nodes and serves its console if there is one.
    fn look(&mut self, client: &mut Client<T>, domid: DomId, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        let nodes = Nodes::from_replies(client.pipeline(&Nodes::requests(domid))?);
        if nodes.are_gone() && !self.sessions.contains_key(&domid) {
            self.followed.remove(&domid);
            return client.pipeline(&[unwatch(domid)]).map(drop);
        }
        let (Some(remote), true, true) = (nodes.port, nodes.ours, nodes.introduced) else { return Ok(()) };
        match self.sessions.get(&domid) {
            Some(session) if session.remote == remote => return Ok(()),
            Some(_) => self.stop(domid, terminals),
            None => {}
        }
        match self.start(domid, remote, &nodes) {
            Ok(session) => {
                tracing::info!("{domid} console: connected, log {}", session.log_name());
                self.insert(session);
            }
            Err(error) => {
                let wait_ms = self.followed.get_mut(&domid).map_or(RETRY_MS, Followed::next_retry);
                tracing::warn!("{domid} console: {error}; trying again in {wait_ms} ms");
                self.wake_in(domid, wait_ms);
                return Ok(());
            }
        }
        match terminals.open(domid) {
            Some(tty) => client.write(&path::domain(domid).console_tty(), tty),
            None => Ok(()),
        }
    }

    fn start(&mut self, domid: DomId, remote: Port, nodes: &Nodes) -> Result<Session, AttachError> {
        let page = self.means.grants.map(domid, &[CONSOLE_GRANT], Access::ReadWrite)?;
        let ring = ConsoleRing::new(page).map_err(SessionError::from)?;
        let port = self.means.events.bind_interdomain(domid, remote).map_err(SessionError::from)?;
        let plan = self.plan(domid, nodes);
        let events = self.means.events.as_ref();
        let logs = std::sync::Arc::clone(&self.means.logs);
        Session::start(&plan, ring, (port, remote), logs, events, self.now_ms).map_err(|error| {
            // The first error is the one to tell.
            let _ = events.unbind(port);
            error.into()
        })
    }

    fn plan(&self, domid: DomId, nodes: &Nodes) -> Plan {
        let vm = nodes.vm.as_deref().unwrap_or_default();
        Plan {
            domid,
            log_name: self.log_name_for(domid, nodes),
            life: format!("{} {domid} {vm}", self.means.boot_id),
            log_max_bytes: self.config.log_max_bytes,
            replay_bytes: self.config.replay_bytes,
            rate: self.config.rate,
        }
    }

    /// The domain's name where a file can have it, else its uuid, else its number. Two domains of one name at once (one is dying, or being
    /// renamed) do not share a log.
    fn log_name_for(&self, domid: DomId, nodes: &Nodes) -> String {
        let uuid = nodes.vm.as_deref().and_then(|vm| vm.rsplit('/').next());
        let candidates = [nodes.name.as_deref(), uuid].into_iter().flatten().filter(|name| fits_a_file(name));
        let name = candidates.map(str::to_owned).next().unwrap_or_else(|| domid.to_string());
        let taken = self.sessions.values().any(|session| session.domid != domid && session.log_name() == name);
        if taken { format!("{name}.{domid}") } else { name }
    }

    /// A timer of a domain that is not served went off.
    pub(crate) fn retry(&mut self, domid: DomId) {
        if let Some(followed) = self.followed.get_mut(&domid) {
            followed.look_again = true;
        }
    }

    /// Takes everything that a console has said so far into its log, one that is not served yet included: what a toolstack asks for before it
    /// destroys a domain. Whether there is such a console.
    pub fn settle(&mut self, domid: DomId, terminals: &mut dyn Terminals) -> Result<bool, ClientError> {
        if !self.sessions.contains_key(&domid)
            && let Some(mut client) = self.client.take()
        {
            let looked = self.look(&mut client, domid, terminals);
            self.client = Some(client);
            looked?;
        }
        let Some(session) = self.sessions.get_mut(&domid) else { return Ok(false) };
        if let Err(error) = session.finish(self.means.events.as_ref()) {
            tracing::debug!("{domid} console: {error}");
        }
        Ok(true)
    }
}

impl Followed {
    fn next_retry(&mut self) -> u64 {
        let wait_ms = self.retry_ms.clamp(RETRY_MS, RETRY_MAX_MS);
        self.retry_ms = wait_ms * 2;
        wait_ms
    }
}

/// Names are chosen by people: only what is harmless as a file's name is used as one.
pub(crate) fn fits_a_file(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}
