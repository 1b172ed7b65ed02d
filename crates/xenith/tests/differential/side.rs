//! One store and its four clients.

use xen_store::wire::MsgType;

use crate::allowed::Answer;
use crate::client::Client;
use crate::script::Step;
use crate::store::{GUESTS, Store};

/// A transaction that nobody was given.
const STRANGE: u32 = 0x7fff_fff0;

pub struct Side {
    pub clients: Vec<Client>,
    /// Of each client, its open transactions by slot.
    open: [[Option<u32>; 3]; 4],
    _store: Store,
}

impl Side {
    pub fn new(store: Store) -> Side {
        let place = store.directory.path();
        let mut clients = vec![Client::socket(place)];
        // Ours fills dom0's home itself; for a stock store a tool does it at boot.
        clients[0].ask(MsgType::Rm.number(), 0, b"/local\0");
        clients[0].ask(MsgType::Mkdir.number(), 0, b"/local/domain/0\0");
        for guest in GUESTS {
            clients.push(Client::ring(place, guest));
            for (kind, text) in [
                (MsgType::Introduce, format!("{guest}|1|5|")),
                (MsgType::Mkdir, format!("/local/domain/{guest}|")),
                (MsgType::SetPerms, format!("/local/domain/{guest}|n{guest}|")),
                (MsgType::Mkdir, format!("/t/{guest}|")),
                (MsgType::SetPerms, format!("/t/{guest}|n{guest}|r0|")),
            ] {
                let answer = clients[0].ask(kind.number(), 0, text.replace('|', "\0").as_bytes());
                assert_eq!(answer.map(|answer| answer.1), Some(b"OK\0".to_vec()), "{text}");
            }
        }
        let answer = clients[0].ask(MsgType::SetPerms.number(), 0, b"/t\0b0\0");
        assert_eq!(answer.map(|answer| answer.1), Some(b"OK\0".to_vec()));
        Side { clients, open: [[None; 3]; 4], _store: store }
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
        }
        Some(answer)
    }
}
