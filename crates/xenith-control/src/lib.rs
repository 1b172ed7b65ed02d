//! The control role: the API server over the engine.
//!
//! ```text
//!    api.sock --> http (axum, async at this edge alone) --> Control --> xenith-engine --> Xen, store
//!                   |                                          ^
//!    console.sock <-+ WebSocket proxy        events thread ----+  @releaseDomain, @introduceDomain: [on] actions, names of others,
//!                                                                 what an earlier daemon left
//! ```
//!
//! Nothing of a domain lives only in this process: it can be killed at any moment, and the next one reads the journal, the records and the
//! hypervisor.

mod adopt;
pub mod config;
mod configs;
pub mod control;
mod crashes;
mod doctor;
pub mod events;
pub mod http;
mod log;
mod mitigations;
mod operations;
mod problem;
mod registry;

pub use config::ControlConfig;
pub use configs::Condition;
pub use control::{Control, autostart};
pub use http::{Caller, Roles, ServeConfig, ServeError, ServeLock, router, serve};
pub use log::{Batch, Draft, EventLog};
pub use operations::{Begun, Done, Key, Of, Op, Operations};
