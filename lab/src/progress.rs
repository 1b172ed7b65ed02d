//! What the lab is doing, for a person: a spinner on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Tells steps as they begin. Cheap to clone; every clone writes to the same place.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A spinner when standard error is a terminal, lines on standard error otherwise.
    pub fn new() -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar }
    }

    /// Lines on standard error, also on a terminal: for work whose own output scrolls by.
    pub fn lines() -> Self {
        Self { bar: None }
    }

    /// A step begins; on a terminal it takes the place of the step before.
    pub fn step(&self, text: impl Into<String>) {
        match (&self.bar, text.into()) {
            (Some(bar), text) => bar.set_message(text),
            (None, text) => eprintln!("{text}"),
        }
    }

    /// A line that stays on the screen.
    pub fn note(&self, text: impl AsRef<str>) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{}", text.as_ref())),
            None => eprintln!("{}", text.as_ref()),
        }
    }

    /// Leaves the screen to something else that draws on it.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }

    /// Takes the spinner off the screen.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}
