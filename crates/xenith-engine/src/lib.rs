//! Config to plan to run to journal; the domain state machine.

pub mod check;
pub mod clock;
pub mod journal;
pub mod run;
