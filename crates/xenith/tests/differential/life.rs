//! Domains come and go: INTRODUCE, RELEASE, what Xen does to them; and clients that say too much.
//!
//! ```text
//!   Talks --RELEASE, dying--> Gone --INTRODUCE--> Talks       Talks --INTRODUCE--> Talks, its ring anew
//!     `---a message of more than 4096 bytes--> Deaf --RELEASE, dying--> Gone
//! ```

use xen_store::wire::MsgType;

use crate::allowed::Answer;
use crate::script::{Step, TOO_LONG, XEN};

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Talks,
    Deaf,
    Gone,
}

/// What has become of each client, in both stores.
#[derive(Default)]
pub struct Life {
    state: [State; 4],
    shut: [bool; 4],
    /// Others act with its rights: C keeps it in parts when it goes (`target-stays`), so it does not go.
    target: [bool; 4],
}

/// Whether somebody talks no more after it, or anew.
pub fn turns(step: &Step) -> bool {
    let of_guest = matches!(step.kind, MsgType::Introduce | MsgType::Release) && step.client == 0 && step.guest().is_some();
    of_guest || step.client == XEN || step.payload.len() >= TOO_LONG
}

impl Life {
    pub fn talks(&self, client: usize) -> bool {
        self.state.get(client) == Some(&State::Talks)
    }

    pub fn is_gone(&self, client: usize) -> bool {
        self.state[client] == State::Gone
    }

    /// Whether it can be said in this state, and is answered.
    pub fn can(&self, step: &Step) -> bool {
        let goes = step.client == XEN && !is_shutdown(step) || step.client == 0 && step.kind == MsgType::Release;
        match step.guest() {
            Some(guest) if goes && self.target[guest] => false,
            Some(guest) if step.client == XEN => self.state[guest] != State::Gone && !(self.shut[guest] && is_shutdown(step)),
            // C goes on being deaf; the domain has to be released first.
            Some(guest) if step.kind == MsgType::Introduce && self.state[guest] == State::Deaf => false,
            _ => self.talks(step.client) && !gives_root_away(step),
        }
    }

    /// What the step made of somebody: whose conversation it ended.
    pub fn hear(&mut self, step: &Step, answer: &Answer) -> Option<usize> {
        let guest = step.guest().unwrap_or_default();
        let done = answer.0 != MsgType::Error.number();
        let (client, state) = match step.kind {
            _ if step.client == XEN && is_shutdown(step) => {
                self.shut[guest] = true;
                return None;
            }
            _ if step.payload.len() >= TOO_LONG => (step.client, if step.client == 0 { State::Talks } else { State::Deaf }),
            MsgType::Introduce if done => (guest, State::Talks),
            MsgType::Resume if done => {
                self.shut[guest] = false;
                return None;
            }
            MsgType::SetTarget if done => {
                let target = step.payload.split(|byte| *byte == 0).nth(1).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
                self.target[target.unwrap_or(0)] = true;
                return None;
            }
            MsgType::Release if done => (guest, State::Gone),
            _ if step.client == XEN => (guest, State::Gone),
            _ => return None,
        };
        self.state[client] = state;
        self.shut[client] &= state != State::Gone;
        Some(client)
    }
}

/// A domain that owns the root and goes takes all of C's tree along (`root-owner`), so it gets no root.
fn gives_root_away(step: &Step) -> bool {
    let mut words = step.payload.split(|byte| *byte == 0);
    let of_root = step.kind == MsgType::SetPerms && step.client == 0 && words.next() == Some(b"/");
    of_root && words.next().is_some_and(|owner| owner.get(1..) != Some(b"0"))
}

pub fn is_shutdown(step: &Step) -> bool {
    step.payload.ends_with(b"shutdown\0")
}
