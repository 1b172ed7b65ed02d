//! A live update, seen by the one that is to be replaced.

use std::time::Duration;

use super::{Loop, hear, say};
use crate::error::StoreError;
use crate::pair::{Message, PairError, Word};

/// How often it is looked whether transactions have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

impl Loop<'_> {
    /// When to look again.
    pub(super) fn look_at_live_update_by(&self) -> Option<Duration> {
        self.freeze_by.map(|_| self.started.elapsed() + LOOK_AGAIN)
    }

    /// Tells the keeper what was asked for or taken back, and freezes once nothing stands in the way; `false` when it is time to end.
    pub(super) fn look_after_live_update(&mut self) -> Result<bool, StoreError> {
        if let Some(request) = self.store.take_live_update() {
            let version = request.version.map(|version| version.to_string()).unwrap_or_default();
            let arguments = request.arguments.as_deref().map(|arguments| format!("\0{arguments}")).unwrap_or_default();
            say(self.keeper, &Message::with(Word::Asked, &format!("{}\0{version}{arguments}", request.file)))?;
        }
        if self.store.take_aborted_live_update() {
            self.freeze_by = None;
            say(self.keeper, &Message::of(Word::Aborted))?;
        }
        let Some((by, force)) = self.freeze_by else { return Ok(true) };
        let open = self.store.server().open_transactions();
        match (open.is_empty(), self.started.elapsed() >= by) {
            (false, false) => Ok(true),
            (false, true) if !force => {
                self.freeze_by = None;
                self.store.refuse_live_update(&who_holds(&open));
                self.work();
                say(self.keeper, &Message::of(Word::Aborted))?;
                Ok(true)
            }
            _ => self.freeze(),
        }
    }

    pub(super) fn hear_of_live_update(&mut self, message: &Message) -> Result<(), StoreError> {
        match message.word {
            Word::Freeze => {
                let now = self.started.elapsed();
                self.freeze_by = Some((now, true));
                if message.number == 1 {
                    self.store.hold_transactions();
                    self.freeze_by = self.store.live_update().map(|request| (now + request.timeout, request.force));
                }
                Ok(())
            }
            Word::GoOn => {
                self.freeze_by = None;
                self.store.refuse_live_update(&message.text);
                Ok(())
            }
            _ => Err(PairError::Nonsense("a word that this worker does not know").into()),
        }
    }

    /// Everything is written down; nothing happens until the keeper says what. `false` when it is time to end.
    fn freeze(&mut self) -> Result<bool, StoreError> {
        self.freeze_by = None;
        self.work();
        self.store.notify_moved();
        self.tell_who_left()?;
        say(self.keeper, &Message::of(Word::Frozen))?;
        match hear(self.keeper)? {
            Some((message, None)) if message.word == Word::GoOn => {
                self.hear_of_live_update(&message)?;
                Ok(true)
            }
            Some((Message { word: Word::End, .. }, _)) | None => Ok(false),
            // Nobody is given to one that is frozen.
            Some(_) => Err(PairError::Nonsense("a word that is not for one that is frozen").into()),
        }
    }
}

fn who_holds(open: &[(String, usize)]) -> String {
    let who: Vec<String> = open.iter().map(|(name, count)| format!("{name} ({count})")).collect();
    format!("transactions are open, and the time is up: {}", who.join(", "))
}
