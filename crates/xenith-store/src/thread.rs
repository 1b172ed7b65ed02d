//! Keeper and worker in one process, for hosts that live in one: the simulator's.

use std::path::Path;
use std::thread::{self, JoinHandle};

use crate::error::StoreError;
use crate::keeper::{Ended, Launch, Process};
use crate::pair::{Channel, Questions};
use crate::worker::{Means, work};

/// Workers that are threads, with means of their own each.
#[must_use]
pub fn in_threads<'a>(means: impl Fn() -> Means + 'a) -> Launch<'a> {
    Box::new(move |_: Option<&Path>, channel: Channel, questions: Questions| {
        let means = means();
        let thread = thread::Builder::new().name("store worker".to_owned()).spawn(move || work(&channel, questions, means))?;
        Ok(Box::new(Worker(Some(thread))) as Box<dyn Process>)
    })
}

struct Worker(Option<JoinHandle<Result<(), StoreError>>>);

impl Process for Worker {
    /// It ends because nobody holds the other end of its channel any more.
    fn end(&mut self) -> Ended {
        let how = match self.0.take().map(JoinHandle::join) {
            Some(Ok(Ok(()))) | None => "without an error".to_owned(),
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(_)) => "by a panic".to_owned(),
        };
        Ended { how, killed: false }
    }
}
