//! Pause, unpause, shutdown, destroy.

use uuid::Uuid;
use xen_abi::{DomId, Errno};
use xen_store::client::Requests;
use xen_store::path;
use xenith_api::latest::{Action, Code, DomainState, EventKind, Problem};
use xenith_engine::Engine;
use xenith_engine::fault::Fault;
use xenith_engine::life;
use xenith_engine::store::Stores;

use super::create::destroyed;
use super::find::Found;
use super::{Control, Mode};
use crate::log::Draft;
use crate::operations::Op;
use crate::problem;

/// A domain that was asked to shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopping {
    /// Its number.
    pub domid: DomId,
    /// Its handle.
    pub uuid: Uuid,
}

/// Says the word to a domain, unless its number is another's or nobody's by now.
pub(super) fn tell_to_stop(stores: &Stores, Stopping { domid, uuid }: Stopping, word: &str) -> Result<(), Fault> {
    let (home, own) = (path::domain(domid), path::vm(uuid));
    let is_said = stores.with(|store| {
        store.transaction(|tx| {
            let is_there = tx.read_text(home.root())?.is_some();
            let is_its = tx.read_text(&home.vm())?.is_none_or(|owner| owner == own.root().as_str());
            if is_there && is_its { tx.write(&home.control_shutdown(), word).map(|()| true) } else { Ok(false) }
        })
    })?;
    if is_said { Ok(()) } else { Err(Fault::Gone) }
}

impl Control {
    /// Stops a domain's vcpus. One that is paused stays so: pauses are not counted here.
    pub fn pause(&self, id: &str, caller: &str) -> Result<(), Problem> {
        let engine = self.engine()?;
        let found = guest(self.find(engine, id)?)?;
        match found.seen.state() {
            DomainState::Paused => Ok(()),
            DomainState::Running | DomainState::Blocked => {
                self.done(&found, engine.world.xen.pause(found.domid()), EventKind::DomainPaused, caller)
            }
            state => Err(problem::state(&found.name, &format!("it is {}, there is nothing to pause", word(state)), "list the domains")),
        }
    }

    /// Lets a domain's vcpus run. One that runs goes on.
    pub fn unpause(&self, id: &str, caller: &str) -> Result<(), Problem> {
        let engine = self.engine()?;
        let found = guest(self.find(engine, id)?)?;
        match found.seen.state() {
            DomainState::Running | DomainState::Blocked => Ok(()),
            DomainState::Paused => match engine.world.xen.unpause(found.domid()) {
                // Somebody else was quicker.
                Err(error) if error.errno() == Some(Errno::EINVAL) => Ok(()),
                answer => self.done(&found, answer, EventKind::DomainUnpaused, caller),
            },
            state => Err(problem::state(&found.name, &format!("it is {}, it cannot run", word(state)), "destroy it and create it again")),
        }
    }

    /// Asks a domain to shut down.
    pub fn shutdown(&self, id: &str) -> Result<Stopping, Problem> {
        let engine = match &self.mode {
            Mode::Full(engine) => engine,
            Mode::Limited(limited) => return limited.shutdown(id),
        };
        self.ask(engine, id, POWEROFF)
    }

    /// Asks a domain to reboot. What follows is what its config wants of that.
    pub fn reboot(&self, id: &str) -> Result<(), Problem> {
        self.ask(self.engine()?, id, REBOOT).map(drop)
    }

    fn ask(&self, engine: &Engine, id: &str, word: &str) -> Result<Stopping, Problem> {
        let found = guest(self.find(engine, id)?)?;
        let stopping = Stopping { domid: found.domid(), uuid: found.uuid() };
        match found.seen.state() {
            DomainState::Shutdown | DomainState::Crashed | DomainState::Dying => return Ok(stopping),
            DomainState::Paused => return Err(problem::state(&found.name, "it is paused and cannot hear it", "unpause it first")),
            DomainState::Running | DomainState::Blocked => {}
        }
        tell_to_stop(&self.stores, stopping, word).map_err(|fault| fault.problem(&subject(&found), None))?;
        Ok(stopping)
    }

    /// Whether a domain that was asked has stopped and what its config says of that was done.
    pub fn has_stopped(&self, stopping: &Stopping) -> Result<bool, Problem> {
        let engine = match &self.mode {
            Mode::Full(engine) => engine,
            Mode::Limited(limited) => return limited.has_stopped(stopping),
        };
        let seen = engine.look(stopping.domid).map_err(|fault| fault.problem(&stopping.domid.to_string(), None))?;
        let Some(seen) = seen.filter(|seen| seen.uuid() == stopping.uuid) else {
            return Ok(true);
        };
        let record = self.registry.own(stopping.uuid);
        Ok(match (seen.info.shutdown, record) {
            _ if seen.info.dying => false,
            (None, _) => false,
            (Some(_), None) => true,
            (Some(reason), Some(record)) => record.held || life::wanted(&record.config.on, reason) == Action::Preserve,
        })
    }

    /// Destroys a domain and everything that stands for it.
    pub fn destroy(&self, id: &str, op: &Op) -> Result<(), Problem> {
        let engine = self.engine()?;
        let found = guest(self.find(engine, id)?)?;
        let uuid = found.uuid();
        let held = self.registry.hold(uuid);
        // Whoever had it in hand before may have ended it, or restarted it under another number.
        let found = guest(self.find_again(engine, &found)?)?;
        self.settle_console(found.domid());
        let (name, domid) = (&found.name, found.domid().0);
        self.tell(vec![op.started().domain(name, Some(domid), uuid)]);
        let gone = engine.destroy(op.id, uuid, found.domid(), name);
        self.tell(match &gone {
            Ok(()) => vec![destroyed(name, domid, uuid).operation(op.id).caller(&op.caller), op.ended(None)],
            Err(problem) => vec![op.ended(Some(problem))],
        });
        gone?;
        self.registry.forget(uuid);
        self.forget_other(found.domid(), uuid);
        drop(held);
        tracing::info!("{} {}: destroyed", found.domid(), found.name);
        self.changed();
        Ok(())
    }

    fn done(&self, found: &Found, answer: Result<(), xen_hv::Error>, kind: EventKind, caller: &str) -> Result<(), Problem> {
        answer.map_err(|error| Fault::from(error).problem(&subject(found), None))?;
        let (name, domid) = (&found.name, found.domid());
        let done = if kind == EventKind::DomainPaused { "paused" } else { "unpaused" };
        self.tell(vec![Draft::new(kind, format!("{domid} {name}: {done}")).domain(name, Some(domid.0), found.uuid()).caller(caller)]);
        self.changed();
        Ok(())
    }
}

/// What a guest reads in `control/shutdown` (docs/misc/xenstore-paths.pandoc).
pub(super) const POWEROFF: &str = "poweroff";
const REBOOT: &str = "reboot";

fn subject(found: &Found) -> String {
    format!("domain {}", found.name)
}

/// The control domain is nobody's to stop.
pub(super) fn guest(found: Found) -> Result<Found, Problem> {
    if found.domid() != DomId::DOM0 {
        return Ok(found);
    }
    let title = "domain Domain-0: this is the control domain, on which all others depend";
    Err(Problem::new(Code::DomainState, "domain Domain-0", title, "shut the host down by its own means"))
}

/// A state in the middle of a sentence.
pub(super) fn word(state: DomainState) -> &'static str {
    match state {
        DomainState::Running => "running",
        DomainState::Blocked => "blocked",
        DomainState::Paused => "paused",
        DomainState::Shutdown => "shut down",
        DomainState::Crashed => "crashed",
        DomainState::Dying => "dying",
    }
}
