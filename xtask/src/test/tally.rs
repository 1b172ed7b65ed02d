//! How many checks passed, and which did not.

use std::fmt;

/// The checks of a stage.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many passed.
    pub passed: usize,
    /// What failed, and why.
    pub failed: Vec<String>,
    /// What was left out, and why.
    pub skipped: Vec<String>,
}

impl Tally {
    /// One check that passed.
    pub fn passed() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One check that failed.
    pub fn failed(why: String) -> Self {
        Self { failed: vec![why], ..Self::default() }
    }

    /// Both.
    pub fn and(mut self, other: Self) -> Self {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
        self
    }

    /// One check that was left out.
    pub fn skipped(why: String) -> Self {
        Self { skipped: vec![why], ..Self::default() }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed, {} skipped", self.passed, self.failed.len(), self.skipped.len())
    }
}
