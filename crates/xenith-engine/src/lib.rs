//! Config to plan to run to journal; the domain state machine.
//!
//! ```text
//!   config --check--> complaints                         pure
//!   config + facts --plan--> steps, each with its undo   pure; prints as text
//!   steps --run--> Xen, store, records                   effects, with a page of the journal
//!            journal --engine::recover--> resume, unwind or go on, after a kill
//!   a domain that stopped --life--> what its config wants   pure
//! ```

pub mod check;
pub mod clock;
pub mod domain;
pub mod engine;
pub mod facts;
pub mod fault;
pub mod journal;
pub mod life;
mod meter;
pub mod nodes;
pub mod plan;
pub mod record;
pub mod run;
pub mod step;
pub mod store;
pub mod teardown;
pub mod world;

#[cfg(test)]
mod golden;

pub use engine::Engine;
