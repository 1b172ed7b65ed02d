//! Both stores under one script.

use std::collections::BTreeSet;

use xen_store::wire::MsgType;

use crate::allowed::{ALLOWED, Answer};
use crate::client::Client;
use crate::events;
use crate::life::{self, Life};
use crate::script::Step;
use crate::side::Side;
use crate::store::Store;
use crate::talks::Talks;

/// After so many steps everybody's events are compared.
const BARRIER: usize = 10;

/// The names of the allowed differences that came up.
///
/// # Errors
/// The first difference that is not allowed, in words.
pub fn run(peer: &str, steps: &[Step], loud: bool) -> Result<BTreeSet<&'static str>, String> {
    let mut pair =
        Pair { ours: Side::new(Store::ours()), theirs: Side::new(Store::theirs(peer)), talks: Talks::default(), life: Life::default() };
    let mut names = BTreeSet::new();
    for (at, step) in steps.iter().enumerate() {
        names.extend(pair.step(step, loud).map_err(|why| format!("step {at}: {step}\n  {why}"))?);
        if at % BARRIER == BARRIER - 1 || at + 1 == steps.len() {
            names.extend(pair.events().map_err(|why| format!("events up to step {at}: {step}\n  {why}"))?);
        }
    }
    pair.trees().map(|()| names)
}

struct Pair {
    ours: Side,
    theirs: Side,
    talks: Talks,
    life: Life,
}

impl Pair {
    /// The allowed difference that it showed.
    fn step(&mut self, step: &Step, loud: bool) -> Result<Vec<&'static str>, String> {
        if !self.life.can(step) {
            return Ok(Vec::new());
        }
        // C refuses transactions that met a domain's nodes when the domain goes, with several errors; and what is said again under another quota
        // has other answers.
        let upsets = life::turns(step) || step.kind == MsgType::Control && step.payload.starts_with(b"quota\0set\0");
        if upsets && (self.ours.has_open() || self.theirs.has_open()) {
            return Ok(Vec::new());
        }
        if life::turns(step) {
            return self.turn(step, loud);
        }
        self.say(step, loud).map(|name| name.into_iter().collect())
    }

    fn events(&mut self) -> Result<Vec<&'static str>, String> {
        events::compare(&mut self.ours, &mut self.theirs, &mut self.talks.removed, &self.life)
    }

    /// What everybody was told before is compared first: it may be lost then.
    fn turn(&mut self, step: &Step, loud: bool) -> Result<Vec<&'static str>, String> {
        let names = self.events()?;
        let gone = step.guest().is_some_and(|guest| self.life.is_gone(guest));
        let (here, there) = (self.ours.turn(step, gone), self.theirs.turn(step, gone));
        if loud {
            println!("{step}\n  ours   {}\n  theirs {}", shown(&here), shown(&there));
        }
        match here {
            Some(answer) if Some(&answer) == there.as_ref() => {
                if let Some(client) = self.life.hear(step, &answer) {
                    self.talks.end(client);
                }
                Ok(names)
            }
            here => Err(both(&here, &there)),
        }
    }

    fn say(&mut self, step: &Step, loud: bool) -> Result<Option<&'static str>, String> {
        let Pair { ours, theirs, talks, life } = self;
        let inside = ours.inside(step);
        let (here, there) = (ours.ask(step), theirs.ask(step));
        if loud {
            println!("{step}\n  ours   {}\n  theirs {}", shown(&here), shown(&there));
        }
        let compared = compare(step, &here, &there);
        let (Some(answer), Some(stock)) = (&here, &there) else { return compared.map_err(|()| both(&here, &there)) };
        if compared == Ok(Some("conflict-by-reply")) {
            let ours_refused = answer.1 != b"OK\0";
            if !talks.overtaken(step) {
                return Err(both(&here, &there));
            }
            let refused = if ours_refused { &mut *ours } else { &mut *theirs };
            talks.commit_again(refused, step, !ours_refused).map_err(|why| format!("conflict-by-reply: {why}"))?;
        }
        if let Ok(name) = compared {
            let made = if step.kind == MsgType::TransactionEnd && stock.1 == b"OK\0" { stock } else { answer };
            talks.hear(step, inside, made);
            life.hear(step, made);
            return Ok(name);
        }
        if !inside || !step.of_nodes() || !talks.overtaken(step) {
            return Err(both(&here, &there));
        }
        talks.begin_again(ours, theirs, step).map_err(|why| format!("{}\n  snapshot: {why}", both(&here, &there)))?;
        Ok(Some("snapshot"))
    }

    fn trees(&mut self) -> Result<(), String> {
        let mut all = |path| (tree(&mut self.ours.clients[0], path), tree(&mut self.theirs.clients[0], path));
        let ((mut here, mut there), (local, stock)) = (all("/t"), all("/local"));
        here.extend(local);
        there.extend(stock);
        match here.iter().zip(&there).find(|(ours, theirs)| ours != theirs) {
            Some((ours, theirs)) => Err(format!("final tree:\n  ours   {ours}\n  theirs {theirs}")),
            None if here.len() != there.len() => Err("final trees of different size".to_owned()),
            None => Ok(()),
        }
    }
}

pub fn compare(step: &Step, here: &Option<Answer>, there: &Option<Answer>) -> Result<Option<&'static str>, ()> {
    let (Some(ours), Some(theirs)) = (here, there) else { return if here == there { Ok(None) } else { Err(()) } };
    if ours == theirs || (step.starts(ours) && step.starts(theirs)) {
        return Ok(None);
    }
    ALLOWED.iter().find(|allowed| (allowed.is)(step.kind, ours, theirs)).map(|allowed| Some(allowed.name)).ok_or(())
}

fn tree(client: &mut Client, path: &str) -> Vec<String> {
    let asked = [path.as_bytes(), b"\0"].concat();
    let mut said = |kind: MsgType| client.ask(kind.number(), 0, &asked);
    let (value, permissions, children) = (said(MsgType::Read), said(MsgType::GetPerms), said(MsgType::Directory));
    let mut lines = vec![format!("{path} = {} {}", shown(&value), shown(&permissions))];
    // An error has no names in it.
    let names = children.filter(|answer| answer.0 == MsgType::Directory.number()).map(|answer| answer.1).unwrap_or_default();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        lines.extend(tree(client, &format!("{path}/{}", String::from_utf8_lossy(name))));
    }
    lines
}

pub fn both(ours: &Option<Answer>, theirs: &Option<Answer>) -> String {
    format!("ours   {}\n  theirs {}", shown(ours), shown(theirs))
}

pub fn shown(answer: &Option<Answer>) -> String {
    match answer {
        Some((kind, payload)) => {
            let name = MsgType::from_number(*kind).map_or("?", MsgType::name);
            format!("{name} {}", String::from_utf8_lossy(payload).replace('\0', "|").chars().take(120).collect::<String>())
        }
        None => "no answer".to_owned(),
    }
}
