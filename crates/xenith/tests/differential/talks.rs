//! What was said in open transactions, and how both sides agree again where they are meant to differ.
//!
//! Both stores answer alike while nobody else changes anything. So where they differ in a transaction that others overtook, it is said once more on
//! both with nobody in between: then every reply must be the same.

use xen_store::wire::MsgType;

use crate::allowed::Answer;
use crate::pair::{both, compare, shown};
use crate::script::Step;
use crate::side::Side;

#[derive(Default)]
struct Talk {
    /// What was asked, and what ours answered.
    log: Vec<(Step, Answer)>,
    /// How many changes there had been when it began.
    begun: usize,
}

/// Every client's, by slot.
#[derive(Default)]
pub struct Talks {
    talks: [[Talk; 4]; 4],
    /// Changes of the live tree, those of transactions at their end.
    changes: usize,
    /// Paths that transactions removed, since it was last taken.
    pub removed: Vec<String>,
}

impl Talks {
    /// Whether others changed something since the step's transaction began.
    pub fn overtaken(&self, step: &Step) -> bool {
        self.talks[step.client][step.slot].begun != self.changes
    }

    /// Remembers a step that both answered alike.
    pub fn hear(&mut self, step: &Step, inside: bool, answer: &Answer) {
        let talk = &mut self.talks[step.client][step.slot];
        if step.starts(answer) {
            *talk = Talk { log: Vec::new(), begun: self.changes };
        } else if step.ends(answer) {
            let committed = answer.1 == b"OK\0" && step.payload == b"T\0";
            self.changes += usize::from(committed);
            let removals = talk.log.iter().filter(|(step, answer)| committed && step.kind == MsgType::Rm && answer.1 == b"OK\0");
            self.removed.extend(removals.map(|(step, _)| step.path()));
        } else if inside && step.of_nodes() {
            talk.log.push((step.clone(), answer.clone()));
        } else {
            self.changes += usize::from(answer.0 != MsgType::Error.number() && step.changes());
        }
        if step.kind == MsgType::ResetWatches && answer.1 == b"OK\0" {
            self.talks[step.client] = Default::default();
        }
    }

    /// The client's conversation ended, and with it others' nodes may have changed.
    pub fn end(&mut self, client: usize) {
        self.talks[client] = Default::default();
        self.changes += 1;
    }

    /// `side` refused a commit that the other store made: the same once more on it, with nobody in between. What failed then did nothing, and may go
    /// well now: only ours minds, and it is left out there.
    pub fn commit_again(&self, side: &mut Side, end: &Step, with_failures: bool) -> Result<(), String> {
        ask(side, end, MsgType::TransactionStart, b"\0")?;
        let log = &self.talks[end.client][end.slot].log;
        for (step, expected) in log.iter().filter(|(_, answer)| with_failures || answer.0 != MsgType::Error.number()) {
            let answer = side.ask(step);
            compare(step, &Some(expected.clone()), &answer)
                .map_err(|()| format!("{step}\n  {}", both(&Some(expected.clone()), &answer)))?;
        }
        let ended = ask(side, end, MsgType::TransactionEnd, b"T\0")?;
        if ended.1 == b"OK\0" { Ok(()) } else { Err(format!("it ends with {}", shown(&Some(ended)))) }
    }

    /// The stores saw different states of the tree: both begin the transaction anew, and go on with it.
    pub fn begin_again(&mut self, ours: &mut Side, theirs: &mut Side, last: &Step) -> Result<(), String> {
        for side in [&mut *ours, &mut *theirs] {
            ask(side, last, MsgType::TransactionEnd, b"F\0")?;
            ask(side, last, MsgType::TransactionStart, b"\0")?;
        }
        let talk = std::mem::take(&mut self.talks[last.client][last.slot]);
        let mut log = Vec::new();
        for step in talk.log.into_iter().map(|(step, _)| step).chain([last.clone()]) {
            let (here, there) = (ours.ask(&step), theirs.ask(&step));
            compare(&step, &here, &there).map_err(|()| format!("{step}\n  {}", both(&here, &there)))?;
            log.extend(here.map(|answer| (step, answer)));
        }
        self.talks[last.client][last.slot] = Talk { log, begun: self.changes };
        Ok(())
    }
}

fn ask(side: &mut Side, like: &Step, kind: MsgType, payload: &[u8]) -> Result<Answer, String> {
    let step = Step { client: like.client, kind, slot: like.slot, payload: payload.to_vec() };
    side.ask(&step).ok_or_else(|| format!("{step}: no answer"))
}
