//! From a domain's nodes to a console that is served.
//!
//! ```text
//!   look: type, port, name, vm, introduced?      (one wait)
//!     nothing there at all: a creation that was undone, forgotten
//!     nothing yet, or not introduced: wait for the next event
//!     type ioemu: not ours
//!     served already, and still the same console: nothing to do
//!     else: grant 0 -> ring, bind the port, log, terminal, console/tty          a failure: again later
//! ```

use std::sync::Arc;

use xen_abi::{DomId, GrantRef, Port};
use xen_backend::console::ConsoleRing;
use xen_hv::{Access, MapError};
use xen_store::client::{Client, ClientError, Reply, Request, Requests, Transport};
use xen_store::path;

use crate::console::{Console, Terminals};
use crate::nodes::{Followed, RETRY_MS, unwatch};
use crate::session::{Plan, Session, SessionError};

/// The grant that every builder makes for the console (`GNTTAB_RESERVED_CONSOLE`, public/grant_table.h).
const CONSOLE_GRANT: GrantRef = GrantRef(0);

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

impl<T: Transport> Console<T> {
    /// Reads a domain's nodes and serves its console if there is one.
    pub(crate) fn look(&mut self, client: &mut Client<T>, domid: DomId, terminals: &mut dyn Terminals) -> Result<(), ClientError> {
        let nodes = Nodes::from_replies(client.pipeline(&Nodes::requests(domid))?);
        if nodes.are_gone() && !self.sessions.contains_key(&domid) {
            self.followed.remove(&domid);
            return client.pipeline(&[unwatch(domid)]).map(drop);
        }
        let (Some(remote), true, true) = (nodes.port, nodes.ours, nodes.introduced) else { return Ok(()) };
        match self.sessions.get(&domid) {
            Some(session) if session.remote == remote && session.vm == nodes.vm => return Ok(()),
            Some(_) => self.stop(domid, terminals),
            None => {}
        }
        self.take_over(domid, &nodes, terminals);
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
            Some(tty) => name_terminal(client, domid, &tty),
            None => Ok(()),
        }
    }

    /// A domain that starts again has the same uuid under a new number, and we may hear of it before we hear that the old one is gone: its
    /// last words go into the log before the first of the new one.
    fn take_over(&mut self, domid: DomId, nodes: &Nodes, terminals: &mut dyn Terminals) {
        let same = |session: &&Session| session.domid != domid && session.vm.is_some() && session.vm == nodes.vm;
        if let Some(old) = self.sessions.values().find(same).map(|session| session.domid) {
            self.stop(old, terminals);
        }
    }

    fn start(&mut self, domid: DomId, remote: Port, nodes: &Nodes) -> Result<Session, AttachError> {
        let page = self.means.grants.map(domid, &[CONSOLE_GRANT], Access::ReadWrite)?;
        let ring = ConsoleRing::new(page).map_err(SessionError::from)?;
        let port = self.means.events.bind_interdomain(domid, remote).map_err(SessionError::from)?;
        let plan = self.plan(domid, nodes);
        let events = self.means.events.as_ref();
        let logs = Arc::clone(&self.means.logs);
        Session::start(&plan, ring, (port, remote), logs, events, self.now_ms).map_err(|error| {
            // The first error is the one to tell.
            let _ = events.unbind(port);
            error.into()
        })
    }

    fn plan(&self, domid: DomId, nodes: &Nodes) -> Plan {
        Plan {
            domid,
            log_name: self.log_name_for(domid, nodes),
            vm: nodes.vm.clone(),
            life: format!("{} {domid} {}", self.means.boot_id, nodes.vm.as_deref().unwrap_or_default()),
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

/// Where the terminal is, for those who look for it in the store. The domain's directory may be gone since it was looked at, and is not made anew.
fn name_terminal<T: Transport>(client: &mut Client<T>, domid: DomId, tty: &str) -> Result<(), ClientError> {
    let nodes = path::domain(domid);
    client.transaction(|tx| match tx.read_text(&nodes.console_port())? {
        Some(_) => tx.write(&nodes.console_tty(), tty),
        None => Ok(()),
    })
}

/// Names are chosen by people: only what is harmless as a file's name is used as one.
pub(crate) fn fits_a_file(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte);
    (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}
