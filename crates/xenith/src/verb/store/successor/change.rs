//! The change itself: what would happen, and the conversation that makes it happen.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use xen_store::client::{Request, Requests};
use xenith_api::latest::{Code, Problem};

use super::super::place::{self, Place, Store};
use super::{Make, Running};
use crate::context::Context;

/// How long the new program may take until it answers.
const SLACK: Duration = Duration::from_secs(30);
/// Between two questions whether it is done.
const BUSY: Duration = Duration::from_millis(50);

/// How long, and how hard.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Limits {
    /// How long open transactions may be waited for; after that nothing is changed
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    wait: u32,
    /// After that time go on all the same: transactions that are open then are lost
    #[arg(long)]
    force: bool,
    /// Only say what runs and what would happen
    #[arg(long)]
    dry_run: bool,
}

impl Limits {
    /// A connection that outlasts the wait.
    pub fn connect(&self, place: &Place) -> Result<Store, Problem> {
        place.connect_for(Duration::from_secs(self.wait.into()) + SLACK)
    }
}

/// One program in another's place.
#[derive(Clone, Debug, Serialize)]
pub struct Change {
    /// What runs now.
    pub running: Running,
    /// What shall run.
    pub program: PathBuf,
    /// Its words; `None` for those that the store keeps for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<String>>,
    /// What to know about it.
    pub notes: Vec<String>,
    /// It is done.
    pub done: bool,
    /// How long the store did not answer for it, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

impl Change {
    /// A change that can be made.
    pub fn new(running: Running, program: &Path, words: Option<Vec<String>>, notes: Vec<String>) -> Result<Change, Problem> {
        let program = std::fs::canonicalize(program).map_err(|error| {
            let title = format!("store: {}: {error}", program.display());
            Problem::new(Code::BadRequest, "store", title, "name the program with --program")
        })?;
        let spaced = words.iter().flatten().find(|word| word.is_empty() || word.contains(char::is_whitespace));
        if let Some(word) = spaced {
            let title = format!("store: the word {word:?} cannot be handed on: words are separated by blanks");
            return Err(Problem::new(Code::BadRequest, "store", title, "start the daemon without it first"));
        }
        Ok(Change { running, program, words, notes, done: false, took_ms: None })
    }

    /// Says what would happen, or makes it happen.
    pub fn carry_out(mut self, mut store: Store, limits: Limits, context: &Context) -> Result<(), Problem> {
        if !limits.dry_run {
            if !context.json {
                eprintln!("store: {} -> {}", self.running.name(), self.program.display());
            }
            self.converse(&mut store, limits)?;
            self.look(&store)?;
            self.done = true;
        }
        context.answer(&self, Change::text)
    }

    /// As `xenstore-control live-update` does.
    fn converse(&mut self, store: &mut Store, limits: Limits) -> Result<(), Problem> {
        let program = self.program.display().to_string();
        self.say(store, &["live-update", "-f", &program])?;
        if let Some(words) = &self.words {
            let line = words.join(" ");
            let mut said = vec!["live-update", "-c"];
            match self.running.make {
                Make::Oxenstored => said.extend(words.iter().map(String::as_str)),
                _ => said.push(&line),
            }
            self.say(store, &said)?;
        }
        let wait = limits.wait.to_string();
        let mut start = vec!["live-update", "-s", "-t", &wait];
        start.extend(limits.force.then_some("-F"));
        let begun = Instant::now();
        self.say(store, &start)?;
        self.took_ms = u64::try_from(begun.elapsed().as_millis()).ok();
        Ok(())
    }

    fn say(&self, store: &mut Store, words: &[&str]) -> Result<(), Problem> {
        let answer = loop {
            let answer = store.call(&Request::control(words)).map_err(|error| place::problem(&error))?;
            let answer = String::from_utf8_lossy(&answer).trim_end_matches(['\0', '\n']).to_owned();
            // oxenstored answers at once, and is asked again until it is done.
            if answer != "BUSY" {
                break answer;
            }
            std::thread::sleep(BUSY);
        };
        if answer == "OK" {
            return Ok(());
        }
        let title = format!("store: {} refused: {answer}", self.running.name());
        Err(Problem::new(Code::StoreRefused, "store", title, "nothing was changed: see to that and try again, or wait longer with --wait"))
    }

    /// Whether the program is there that we asked for: it may have gone back by itself.
    fn look(&self, store: &Store) -> Result<(), Problem> {
        let now = Running::behind(store)?;
        if now.pid == self.running.pid
            && now.make == self.running.make
            && now.program == self.running.program
            && now.program != self.program
        {
            let title = format!("store: {} could not be taken over by {} and goes on", self.running.name(), self.program.display());
            return Err(Problem::new(Code::StoreRefused, "store", title, "nothing was lost: read the log for the reason, then try again"));
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut lines = vec![format!("runs:   {}", self.running.name())];
        let what = if self.done { "now:   " } else { "then:  " };
        let words =
            self.words.as_ref().map_or_else(|| " (words as the store keeps them)".to_owned(), |words| format!(" {}", words.join(" ")));
        lines.push(format!("{what} {}{words}, same pid, every socket, ring and watch goes on", self.program.display()));
        lines.extend(self.notes.iter().map(|note| format!("note:   {note}")));
        lines.extend(self.took_ms.map(|took| format!("took:   {took} ms, transactions waited for included")));
        if !self.done {
            lines.push("nothing was changed (--dry-run)".to_owned());
        }
        lines.join("\n") + "\n"
    }
}
