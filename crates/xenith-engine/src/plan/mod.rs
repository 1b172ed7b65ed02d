//! Plans: pure functions from a config and facts to steps. Nothing here asks or changes anything.
//!
//! ```text
//!   create(config, facts) --> CreateDomain ... SeedGrants | StoreNodes, Record, Introduce, Unpause
//!                             undone when it fails        | the domain is whole: resumed after a kill
//!   destroy(uuid, domid)  --> DestroyDomain, RemoveNodes, AwaitGone, Forget       tried again until it is done
//!   rename(entry)         --> SetHandle, NameNodes, ReplaceRecord                 undone when it fails, resumed after a kill
//!   resize(entry)         --> BoundMemory, SizeNodes                              undone when it fails, resumed after a kill
//!   soft_reset(entry)     --> SoftReset ... SeedGrants, StoreNodes ... Unpause    tried again until it is done
//!   dump(entry)           --> Pause, WriteCore, Unpause                           undone when it fails, or after a kill
//! ```
//!
//! A plan prints as stable text: `xenith create --dry-run` and the golden tests show the same.

mod create;
mod destroy;
mod dump;
mod layout;
mod rename;
mod resize;
mod soft_reset;

use std::fmt;

use crate::run::Act;
use crate::step::Step;

use xen_abi::DomId;
use xen_guest::pvh::build::Peers;

pub use create::{create, tail};
pub use destroy::destroy;
pub use dump::dump;
pub use rename::rename;
pub use resize::{Wanted, resize, size};
pub use soft_reset::soft_reset;

/// Who serves store and console. Another domain may, once driver domains are told of.
const PEERS: Peers = Peers { store: DomId::DOM0, console: DomId::DOM0 };

/// What a domain may have beyond its memory, in KiB: special pages and grant table frames take from it (libxl, `LIBXL_MAXMEM_CONSTANT`).
const SLACK_KIB: u64 = 1024;

/// Steps in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
    /// The index of the first step after which nothing but what stands in the plan's tail is missing. A run that was killed there or later is
    /// resumed, before it is unwound.
    pub whole_from: usize,
}

impl Plan {
    /// The steps as the API tells them, with how long each took where that is known.
    #[must_use]
    pub fn told(&self, durations_us: &[Option<u64>]) -> Vec<xenith_api::latest::Step> {
        let durations = durations_us.iter().copied().chain(std::iter::repeat(None));
        let tell =
            |(step, duration_us): (&Step, Option<u64>)| xenith_api::latest::Step { text: step.text(), undo: step.undo_text(), duration_us };
        self.steps.iter().zip(durations).map(tell).collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps.iter().enumerate() {
            writeln!(f, "{:2} {}\n     undo: {}", index + 1, step.text(), step.undo_text())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
