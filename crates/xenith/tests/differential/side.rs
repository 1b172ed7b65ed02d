//! One store and its four clients.

use xen_store::wire::MsgType;

use crate::allowed::Answer;
use crate::client::Client;
use crate::life::is_shutdown;
use crate::script::{Step, TOO_LONG, XEN};
use crate::store::{GUESTS, Store};

/// A transaction that nobody was given.
const STRANGE: u32 = 0x7fff_fff0;

pub struct Side {
    pub clients: Vec<Client>,
    /// Of each client, its open transactions by slot.
    open: [[Option<u32>; 3]; 4],
    /// A socket that hears of domains that end.
    witness: Client,
    store: Store,
}

impl Side {
    pub fn new(store: Store) -> Side {
        let place = store.directory.path();
        let mut clients = vec![Client::socket(place)];
        // Ours fills dom0's home itself; for a stock store a tool does it at boot.
        clients[0].ask(MsgType::Rm.number(), 0, b"/local\0");
        clients[0].ask(MsgType::Mkdir.number(), 0, b"/local/domain/0\0");
        clients.extend(GUESTS.map(|guest| Client::ring(place, guest)));
        let mut witness = Client::socket(place);
        witness.ask(MsgType::Watch.number(), 0, b"@releaseDomain\0witness\0");
        let mut side = Side { clients, open: [[None; 3]; 4], witness, store };
        for guest in GUESTS {
            side.tools(MsgType::Introduce, &format!("{guest}|1|5|"));
            side.home(guest.into());
        }
        side.tools(MsgType::SetPerms, "/t|b0|");
        side
    }

    fn tools(&mut self, kind: MsgType, text: &str) {
        let answer = self.clients[0].ask(kind.number(), 0, text.replace('|', "\0").as_bytes());
        assert_eq!(answer.map(|answer| answer.1), Some(b"OK\0".to_vec()), "{text}");
    }

    /// The directories of a new domain.
    fn home(&mut self, guest: usize) {
        self.tools(MsgType::Mkdir, &format!("/local/domain/{guest}|"));
        self.tools(MsgType::SetPerms, &format!("/local/domain/{guest}|n{guest}|"));
        self.tools(MsgType::Mkdir, &format!("/t/{guest}|"));
        self.tools(MsgType::SetPerms, &format!("/t/{guest}|n{guest}|r0|"));
    }

    /// A step after which somebody talks no more, or anew.
    pub fn turn(&mut self, step: &Step, gone: bool) -> Option<Answer> {
        let guest = step.guest().unwrap_or_default();
        if step.client == XEN {
            return self.xen(step, guest);
        }
        if step.payload.len() >= TOO_LONG {
            self.open[step.client] = [None; 3];
            return self.clients[step.client].say_too_much(step.kind.number(), self.store.directory.path());
        }
        if gone && step.kind == MsgType::Introduce {
            self.clients[guest].clear();
            // One that was released may have been shut down; this one is not.
            self.mark("shutdown", guest, false);
        }
        let id = self.transaction(step);
        let answer = self.clients[0].ask(step.kind.number(), id, &step.payload)?;
        if answer.1 == b"OK\0" {
            self.open[guest] = [None; 3];
            self.clients[guest].forget();
            if gone && step.kind == MsgType::Introduce {
                self.home(guest);
            }
        }
        Some(answer)
    }

    /// The domain shuts down, or dies; the store says so.
    fn xen(&mut self, step: &Step, guest: usize) -> Option<Answer> {
        self.witness.ask(MsgType::GetDomainPath.number(), 0, b"1\0")?;
        self.witness.events.clear();
        self.mark(if is_shutdown(step) { "shutdown" } else { "dying" }, guest, true);
        self.clients[guest].domain_event();
        let event = self.witness.event()?;
        if !is_shutdown(step) {
            self.open[guest] = [None; 3];
            self.mark("dying", guest, false);
            self.mark("shutdown", guest, false);
        }
        Some((MsgType::WatchEvent.number(), event))
    }

    /// Whether anybody has a transaction open.
    pub fn has_open(&self) -> bool {
        self.open.iter().flatten().any(Option::is_some)
    }

    fn mark(&self, what: &str, guest: usize, is: bool) {
        let file = self.store.directory.path().join(format!("{what}.{guest}"));
        let _ = if is { std::fs::write(file, "") } else { std::fs::remove_file(file) };
    }

    /// Whether the step belongs to an open transaction.
    pub fn inside(&self, step: &Step) -> bool {
        (1..3).contains(&step.slot) && self.open[step.client][step.slot].is_some()
    }

    fn transaction(&self, step: &Step) -> u32 {
        match step.slot {
            0 => 0,
            3 => STRANGE,
            slot => self.open[step.client][slot].unwrap_or(0),
        }
    }

    pub fn ask(&mut self, step: &Step) -> Option<Answer> {
        let id = self.transaction(step);
        let answer = self.clients[step.client].ask(step.kind.number(), id, &step.payload)?;
        let slot = step.slot;
        if (1..3).contains(&slot) && step.starts(&answer) {
            let text = String::from_utf8_lossy(&answer.1).replace('\0', "");
            self.open[step.client][slot] = text.parse().ok();
        } else if (1..3).contains(&slot) && step.ends(&answer) {
            self.open[step.client][slot] = None;
        } else if step.kind == MsgType::ResetWatches && answer.1 == b"OK\0" {
            self.open[step.client] = [None; 3];
        } else if let (MsgType::Resume, Some(guest), b"OK\0") = (step.kind, step.guest(), answer.1.as_slice()) {
            self.mark("shutdown", guest, false);
        }
        Some(answer)
    }
}
