//! Faults on demand: what fails, when, and how.
//!
//! ```text
//!   every operation of a handle is a step:   0 xen_version  1 domctl getdomaininfo  2 domctl createdomain ...
//!   FaultPlan: [ (When::Step(2), ENOMEM), (When::Nth("foreign map", 0), Frames[(3, ENOENT)]) ]
//! ```
//!
//! Run once without faults, read [`crate::Machine::steps`], then run again with each step failing in turn: that is "every step fails". A plan
//! drawn from a seed fails steps at random, the same way each time.

use std::sync::Arc;

use xen_abi::Errno;

/// Which operation a fault meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// The operation at this place in the list of steps, from 0.
    Step(usize),
    /// The nth operation of this name, from 0.
    Nth(&'static str, usize),
    /// Every operation of this name.
    Every(&'static str),
}

/// How an operation fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing happens and this is the answer.
    Errno(Errno),
    /// It happens, and yet this is the answer.
    DoneBut(Errno),
    /// `populate_physmap` stops after so many extents, as when memory runs out.
    Short(u64),
    /// These frames of a mapping fail (so the whole mapping does): index and error. `ENOENT` means paged out.
    Frames(Vec<(usize, Errno)>),
}

/// When and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which operation.
    pub when: When,
    /// What happens to it.
    pub effect: Effect,
}

/// The faults to come, counted from the moment the plan is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultPlan {
    faults: Vec<Fault>,
    only: Option<String>,
    random: Option<Random>,
}

/// Faults drawn from a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Random {
    state: u64,
    per_thousand: u64,
}

impl FaultPlan {
    /// No faults.
    #[must_use]
    pub fn none() -> FaultPlan {
        FaultPlan::default()
    }

    /// The same plan with one more fault.
    #[must_use]
    pub fn with(mut self, when: When, effect: Effect) -> FaultPlan {
        self.faults.push(Fault { when, effect });
        self
    }

    /// The same plan with `per_thousand` of a thousand steps failing, drawn from `seed`.
    #[must_use]
    pub fn at_random(mut self, seed: u64, per_thousand: u32) -> FaultPlan {
        // A state of zero would stay zero.
        self.random = Some(Random { state: seed.wrapping_mul(2).wrapping_add(1), per_thousand: u64::from(per_thousand) });
        self
    }

    /// The same plan for the steps of one process only: the name given to [`crate::Machine::process`]. Steps of others are neither counted nor
    /// failed.
    #[must_use]
    pub fn only_for(mut self, process: &str) -> FaultPlan {
        self.only = Some(process.to_owned());
        self
    }

    pub(crate) fn concerns(&self, process: &str) -> bool {
        self.only.as_ref().is_none_or(|only| only == process)
    }

    /// The fault of this step, if any; `nth` counts the steps of its name, from 0.
    pub(crate) fn draw(&mut self, step: usize, name: &str, nth: usize) -> Option<Effect> {
        let planned = self.faults.iter().find(|fault| match &fault.when {
            When::Step(wanted) => *wanted == step,
            When::Nth(wanted, count) => *wanted == name && *count == nth,
            When::Every(wanted) => *wanted == name,
        });
        planned.map(|fault| fault.effect.clone()).or_else(|| self.random.as_mut().and_then(|random| random.draw(name)))
    }
}

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64: small, and the same everywhere.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn draw(&mut self, name: &str) -> Option<Effect> {
        if self.next() % 1000 >= self.per_thousand {
            return None;
        }
        let pick = self.next();
        Some(match name {
            name if name.ends_with(" map") => Effect::Frames(vec![(0, if pick & 1 == 0 { Errno::ENOENT } else { Errno::EAGAIN })]),
            name if name.ends_with("populate_physmap") => Effect::Short(pick % 4),
            _ => Effect::Errno(if pick & 1 == 0 { Errno::ENOMEM } else { Errno::EBUSY }),
        })
    }
}

/// One operation that a handle was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The process.
    pub process: Arc<str>,
    /// The operation, as traces name it: `domctl createdomain`, `foreign map`, `evtchn notify`.
    pub name: &'static str,
    /// Whether a fault met it.
    pub failed: bool,
}
