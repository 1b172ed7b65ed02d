//! What a trace counts. The counts of a run repeat exactly, so they can be compared where times cannot.

use std::collections::BTreeMap;
use std::fmt;

/// Mappings of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapped {
    /// How often something was mapped.
    pub calls: u64,
    /// How many frames were asked for in all.
    pub frames: u64,
}

/// What went through the seam.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Hypercalls by name. A multicall counts as its entries and not itself.
    pub hypercalls: BTreeMap<&'static str, u64>,
    /// How often Xen was entered for them: a multicall is one.
    pub traps: u64,
    /// Mappings by kind: `foreign map`, `resource map`, `grant map`.
    pub mappings: BTreeMap<&'static str, Mapped>,
    /// Event channel operations by name.
    pub events: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// All hypercalls.
    #[must_use]
    pub fn total_hypercalls(&self) -> u64 {
        self.hypercalls.values().sum()
    }

    /// All mappings.
    #[must_use]
    pub fn total_mappings(&self) -> u64 {
        self.mappings.values().map(|mapped| mapped.calls).sum()
    }

    /// All frames of all mappings.
    #[must_use]
    pub fn total_frames(&self) -> u64 {
        self.mappings.values().map(|mapped| mapped.frames).sum()
    }

    pub(super) fn hypercall(&mut self, name: &'static str) {
        *self.hypercalls.entry(name).or_default() += 1;
    }

    pub(super) fn mapping(&mut self, kind: &'static str, frames: usize) {
        let mapped = self.mappings.entry(kind).or_default();
        mapped.calls += 1;
        mapped.frames += frames as u64;
    }

    pub(super) fn event(&mut self, name: &'static str) {
        *self.events.entry(name).or_default() += 1;
    }
}

/// One line for each name, in the order of the names.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hypercalls.iter().try_for_each(|(name, count)| writeln!(f, "{name} {count}"))?;
        self.mappings.iter().try_for_each(|(name, mapped)| writeln!(f, "{name} {} frames {}", mapped.calls, mapped.frames))?;
        self.events.iter().try_for_each(|(name, count)| writeln!(f, "{name} {count}"))?;
        writeln!(
            f,
            "hypercalls {} in {} traps, mappings {} of {} frames",
            self.total_hypercalls(),
            self.traps,
            self.total_mappings(),
            self.total_frames()
        )
    }
}
