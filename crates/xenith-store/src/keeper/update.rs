//! Live update: another worker goes on with the image of the one that serves, whose program may have been replaced meanwhile.
//!
//! ```text
//!   SIGHUP, or asked -> successor starts -> Ready -> Freeze -> Frozen -> Succeed -> Serving -> the old one ends
//!                         |                   the clients' pause: -------------------------/
//!                         \-- it ends, or is late, at any of these points: it is ended, and the old one goes on
//!
//!   asked, with a program that is not ours: successor.rs
//! ```

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::hand::Hand;
use super::successor::{Request, check_target};
use super::{Keeper, give};
use crate::error::StoreError;
use crate::pair::{Message, Received, Word};

/// How long all of it may take.
const TIME: Duration = Duration::from_secs(30);

/// How far it is.
pub(super) enum Update {
    /// There is none.
    None,
    /// The successor is being started, or waits for the worker to freeze, or begins.
    Next(Next),
    /// The worker freezes for another program.
    Leaving(Request),
}

/// A successor.
pub(super) struct Next {
    hand: Hand,
    /// A client of the worker waits for it.
    asked: bool,
    /// When it is given up.
    by: Instant,
    /// The worker was told to freeze.
    freezing: bool,
}

impl Update {
    pub fn next(&self) -> Option<&Hand> {
        if let Update::Next(next) = self { Some(&next.hand) } else { None }
    }

    pub fn next_mut(&mut self) -> Option<&mut Hand> {
        if let Update::Next(next) = self { Some(&mut next.hand) } else { None }
    }

    /// Whether new clients may be given to the worker.
    pub fn lets_clients_in(&self) -> bool {
        match self {
            Update::None => true,
            Update::Next(next) => !next.freezing,
            Update::Leaving(_) => false,
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        if let Update::Next(next) = self { Some(next.by) } else { None }
    }

    pub fn is_late(&self) -> bool {
        self.deadline().is_some_and(|by| by <= Instant::now())
    }
}

impl Keeper<'_> {
    /// Somebody on this host wants it.
    pub(super) fn update_told(&mut self) -> Result<(), StoreError> {
        let _ = rustix::io::read(self.told.update, &mut [0; 64]);
        if !matches!(self.update, Update::None) || !self.worker.serves {
            tracing::warn!("store: no live update now: {}", if self.worker.serves { "one is under way" } else { "nobody serves" });
            return Ok(());
        }
        let program = our_program().filter(|path| path.exists());
        self.start_next(program.as_deref(), false);
        Ok(())
    }

    /// A client of the worker wants it: the text is that of [`Word::Asked`].
    pub(super) fn update_asked(&mut self, text: &str) -> Result<(), StoreError> {
        let request = Request::parse(text);
        let refused = self.refused.take().or_else(|| match self.update {
            Update::None => check_target(&request).err(),
            _ => Some("another live update is under way".to_owned()),
        });
        match refused {
            Some(reason) => self.worker.say(Message::with(Word::GoOn, &reason)),
            None if request.arguments.is_none() && is_ours(&request.file) => self.start_next(Some(Path::new(&request.file)), true),
            None => {
                self.worker.say(Message::about(Word::Freeze, 1));
                self.update = Update::Leaving(request);
            }
        }
        Ok(())
    }

    pub(super) fn update_aborted(&mut self) -> Result<(), StoreError> {
        self.give_update_up();
        Ok(())
    }

    fn start_next(&mut self, program: Option<&Path>, asked: bool) {
        match Hand::launch(&mut self.launch, program) {
            Ok(hand) => self.update = Update::Next(Next { hand, asked, by: Instant::now() + TIME, freezing: false }),
            Err(error) => self.worker.say(Message::with(Word::GoOn, &error.to_string())),
        }
    }

    pub(super) fn answer_next(&mut self) {
        let domains = self.host.domains.as_mut();
        if let Some(Err(error)) = self.update.next().map(|next| next.answers.answer(domains)) {
            self.next_failed(&error.to_string());
        }
    }

    /// Hears what the successor says.
    pub(super) fn listen_to_next(&mut self) -> Result<(), StoreError> {
        if self.update.is_late() {
            self.next_failed("the new worker takes too long");
            return Ok(());
        }
        loop {
            let Update::Next(next) = &mut self.update else { return Ok(()) };
            match next.hand.hear() {
                Ok(Received::Nothing) => return Ok(()),
                Ok(Received::Message(Message { word: Word::Ready, .. }, _)) => {
                    next.freezing = true;
                    self.worker.say(Message::of(Word::Freeze));
                }
                Ok(Received::Message(Message { word: Word::Serving, .. }, _)) => self.succeeded(),
                Ok(Received::Message(..)) => self.next_failed("the new worker said what makes no sense"),
                Ok(Received::End) => self.next_failed("the new worker ended before it served; its own lines say why"),
                Err(error) => self.next_failed(&error.to_string()),
            }
        }
    }

    /// The worker has written everything down.
    pub(super) fn worker_is_frozen(&mut self) -> Result<(), StoreError> {
        match std::mem::replace(&mut self.update, Update::None) {
            // It was told to go on meanwhile.
            Update::None => Ok(()),
            Update::Next(mut next) => {
                let start = Message::about(Word::Succeed, next.asked.into());
                give(&mut next.hand, &self.host.claims, &self.clients, start);
                self.update = Update::Next(next);
                Ok(())
            }
            Update::Leaving(request) => self.leave(&request),
        }
    }

    fn succeeded(&mut self) {
        if let Update::Next(next) = std::mem::replace(&mut self.update, Update::None) {
            let mut old = std::mem::replace(&mut self.worker, next.hand);
            self.worker.serves = true;
            self.since = Instant::now();
            // It is frozen: nothing of it is lost.
            old.end();
            tracing::info!("store: live update: another worker serves");
        }
    }

    fn next_failed(&mut self, reason: &str) {
        if let Update::Next(mut next) = std::mem::replace(&mut self.update, Update::None) {
            // First of all nobody else may write into the image.
            next.hand.end();
            self.worker.say(Message::with(Word::GoOn, reason));
        }
    }

    /// Nothing comes of it, and the worker does not wait for a word about it.
    pub(super) fn give_update_up(&mut self) {
        if let Update::Next(mut next) = std::mem::replace(&mut self.update, Update::None) {
            next.hand.end();
            if next.freezing {
                self.worker.say(Message::with(Word::GoOn, "the live update was aborted"));
            }
        }
    }
}

/// Where our program was when we were started, and where its package puts the next one.
fn our_program() -> Option<PathBuf> {
    let path = std::env::current_exe().ok()?;
    let text = path.to_str()?;
    Some(text.strip_suffix(" (deleted)").map(PathBuf::from).unwrap_or(path))
}

fn is_ours(file: &str) -> bool {
    let asked = std::fs::canonicalize(file).ok();
    asked.is_some() && asked == our_program()
}
