//! Records what goes through the seam: as counts for measuring, and as text for comparing runs.
//!
//! ```text
//!   let trace = Trace::recording();
//!   let hypercalls = trace.hypercalls(hypercalls);       each trait is wrapped; all write into one trace, in the order of completion
//!   let memory = trace.foreign_memory(memory);
//!   ...
//!   trace.counts()    hypercalls by name, a multicall as its entries; mappings and mapped frames apart
//!   trace.text()      images, results and buffers; nothing in it depends on where memory lay
//! ```

mod calls;
mod counts;
mod events;
mod maps;

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use counts::{Counts, Mapped};

use crate::seam::{Dom0StoreRing, EventChannels, ForeignMemory, GrantMaps, Hypercalls};

/// A record of what goes through the seam. Clones share it.
#[derive(Clone, Default)]
pub struct Trace {
    record: Arc<Mutex<Record>>,
}

#[derive(Default)]
struct Record {
    counts: Counts,
    text: Option<String>,
}

impl Trace {
    /// A trace that only counts: its memory does not grow.
    #[must_use]
    pub fn counting() -> Trace {
        Trace::default()
    }

    /// A trace that counts and keeps the text of everything.
    #[must_use]
    pub fn recording() -> Trace {
        let record = Record { text: Some(String::new()), ..Record::default() };
        Trace { record: Arc::new(Mutex::new(record)) }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.lock().counts.clone()
    }

    /// The text so far; empty for a trace that only counts.
    #[must_use]
    pub fn text(&self) -> String {
        self.lock().text.clone().unwrap_or_default()
    }

    /// Begins anew.
    pub fn clear(&self) {
        let mut record = self.lock();
        record.counts = Counts::default();
        if let Some(text) = &mut record.text {
            text.clear();
        }
    }

    /// Hypercalls that are recorded here.
    #[must_use]
    pub fn hypercalls(&self, inner: Arc<dyn Hypercalls>) -> Arc<dyn Hypercalls> {
        Arc::new(calls::Recorded { inner, trace: self.clone() })
    }

    /// Foreign memory whose mappings are recorded here; what is read and written in them is not.
    #[must_use]
    pub fn foreign_memory(&self, inner: Arc<dyn ForeignMemory>) -> Arc<dyn ForeignMemory> {
        Arc::new(maps::Recorded { inner, trace: self.clone() })
    }

    /// Grants whose mappings are recorded here.
    #[must_use]
    pub fn grant_maps(&self, inner: Arc<dyn GrantMaps>) -> Arc<dyn GrantMaps> {
        Arc::new(maps::Recorded { inner, trace: self.clone() })
    }

    /// The store ring of dom0, whose opening is recorded here.
    #[must_use]
    pub fn dom0_store_ring(&self, inner: Arc<dyn Dom0StoreRing>) -> Arc<dyn Dom0StoreRing> {
        Arc::new(maps::Recorded { inner, trace: self.clone() })
    }

    /// Event channels that are recorded here.
    #[must_use]
    pub fn event_channels(&self, inner: Arc<dyn EventChannels>) -> Arc<dyn EventChannels> {
        Arc::new(events::Recorded { inner, trace: self.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.lock().counts);
    }

    /// Adds a line or more; what it takes to make the text is done only where it is kept.
    fn write(&self, lines: impl FnOnce() -> String) {
        let mut record = self.lock();
        if let Some(text) = &mut record.text {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", lines().trim_end());
        }
    }

    fn keeps_text(&self) -> bool {
        self.lock().text.is_some()
    }
}

/// A result in a trace: `ok`, a value, or why not.
fn outcome<T, E: std::fmt::Display>(result: &Result<T, E>, told: impl FnOnce(&T) -> String) -> String {
    match result {
        Ok(value) => told(value),
        Err(error) => error.to_string(),
    }
}
