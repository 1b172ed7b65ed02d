//! The ssh that carries a connection: what it says, and its end.

use std::io::Read;
use std::process::{Child, ChildStderr, ExitStatus};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::Destination;
use super::refusal;

/// The most that is kept of what it says: the end counts.
const WORDS_MAX: usize = 8 << 10;
/// It ends when its stream ends; whoever asks why waits no longer than this.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A running ssh.
#[derive(Debug)]
pub(in super::super) struct Carrier {
    child: Option<Child>,
    words: Arc<Mutex<Vec<u8>>>,
    listener: Option<thread::JoinHandle<()>>,
    destination: Destination,
}

impl Carrier {
    pub(super) fn of(mut child: Child, destination: Destination) -> Carrier {
        let words = Arc::default();
        let listener = child.stderr.take().map(|stderr| listen(stderr, Arc::clone(&words)));
        Carrier { child: Some(child), words, listener, destination }
    }

    /// How it ended, and what it said. One that does not end is ended.
    pub(super) fn end(mut self) -> (Option<ExitStatus>, String) {
        let status = self.ended().or_else(|| {
            let child = self.child.as_mut()?;
            // What could not be ended has ended, or never will: either way there is nothing to be told.
            let _ = child.kill();
            child.wait().ok()
        });
        (status, self.said())
    }

    /// Why it ended, where it did by itself and not well.
    pub(in super::super) fn last_words(&mut self) -> Option<String> {
        let status = self.ended().filter(|status| !status.success())?;
        Some(refusal::ended(&self.destination, Some(status), &self.said()))
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        let until = Instant::now() + PATIENCE;
        loop {
            match child.try_wait() {
                Ok(None) if Instant::now() < until => thread::sleep(LOOK),
                ended => return ended.ok().flatten(),
            }
        }
    }

    /// A master that ssh left behind for other connections may keep its standard error open: then what came so far is all.
    fn said(&self) -> String {
        let until = Instant::now() + PATIENCE / 10;
        while self.listener.as_ref().is_some_and(|listener| !listener.is_finished()) && Instant::now() < until {
            thread::sleep(LOOK);
        }
        String::from_utf8_lossy(&self.words.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// It is never held up by somebody who does not listen.
fn listen(mut stderr: ChildStderr, words: Arc<Mutex<Vec<u8>>>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut block = [0; 1024];
        while let Ok(count @ 1..) = stderr.read(&mut block) {
            let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
            words.extend_from_slice(block.get(..count).unwrap_or(&[]));
            let surplus = words.len().saturating_sub(WORDS_MAX);
            words.drain(..surplus);
        }
    })
}

impl Drop for Carrier {
    /// Its stream is closed: it ends by itself, which is nothing to wait for.
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            thread::spawn(move || child.wait());
        }
    }
}
