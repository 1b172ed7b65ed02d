//! The engine: orders become plans, plans become journalled runs, what an earlier daemon left is finished or taken back.
//!
//! ```text
//!   create(order)   load files --> plan --> page --> run --> Created | Problem, and nothing is left
//!   destroy(...)    plan --> page --> run, and again later where something is in the way
//!   rename(...)     plan --> page --> run, or nothing is changed
//!   resize(...)     plan --> page --> run, or nothing is changed
//!   restart(...)    page { destroy, or rename the old one; create }
//!   soft_reset(...) plan --> page --> run, and again later where something is in the way
//!   dump(...)       plan --> page --> run, or there is no file
//!   recover()       each page that nobody works on: resume, unwind or go on
//! ```
//!
//! Every call works on the thread that makes it. Who may do what at the same time is the caller's to say: one operation per domain.

mod create;
mod destroy;
mod dump;
mod list;
mod load;
mod open;
mod recover;
mod rename;
mod resize;
mod restart;
mod soft_reset;

use std::io;
use std::sync::Arc;

use xen_guest::loader::Loader;
use xenith_api::latest::{Code, Problem};

use crate::facts::HostFacts;
use crate::fault::Fault;
use crate::journal::Journal;
use crate::run::{Act, Cause, Failure, Hook, Run};
use crate::world::World;

pub use create::{CreateOrder, Created, NotCreated};
pub use list::Seen;
pub use open::EngineConfig;
pub use recover::Recovered;
pub use restart::RestartIds;
pub use xen_guest::core_dump::Dumped;

/// The ways to the host, and what is known of it.
pub struct Engine {
    /// What steps work on; without images.
    pub world: World,
    /// The operations under way.
    pub journal: Journal,
    /// The host.
    pub host: HostFacts,
    /// Opens kernels.
    pub loader: Loader,
    /// Asked between any two effects.
    pub hook: Arc<dyn Hook>,
}

impl Engine {
    fn run<'a, A: Act>(&'a self, steps: &'a [A], world: &'a A::World, way_back: bool) -> Run<'a, A> {
        self.run_with(steps, world, way_back, &*self.hook)
    }

    fn run_with<'a, A: Act>(&'a self, steps: &'a [A], world: &'a A::World, way_back: bool, hook: &'a dyn Hook) -> Run<'a, A> {
        Run { steps, world, way_back, hook, clock: &*self.world.clock }
    }
}

/// A run's failure as a problem about `subject`. What could not be undone is told in the log; it is tried again.
fn failed(subject: &str, failure: &Failure<Fault>) -> Problem {
    for (undo, fault) in &failure.left {
        tracing::warn!("{subject}: {undo}: {fault}; it is tried again");
    }
    match &failure.cause {
        Cause::Step { step, fault } => fault.problem(subject, Some(step.clone())),
        Cause::Journal(error) => journal_problem(subject, error),
        Cause::Cancelled => Problem::new(Code::Cancelled, subject, format!("{subject}: cancelled"), "ask again"),
        Cause::Killed | Cause::Unwound => Problem::new(Code::Internal, subject, format!("{subject}: {failure}"), "ask again"),
    }
}

fn journal_problem(subject: &str, error: &io::Error) -> Problem {
    let title = format!("{subject}: the journal cannot be written: {error}");
    Problem::new(Code::Internal, subject, title, "see that /run has room and can be written")
}
