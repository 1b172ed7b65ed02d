//! Where somebody may step in between two steps: to cancel, or, in tests, to play the kill.

use std::sync::Arc;

use xenith_api::latest::Step;

/// A place between two effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The journal says that this step is being done; nothing was done.
    BeforeAct(usize),
    /// The step was done; the journal does not say so yet.
    AfterAct(usize),
    /// The journal says that this step is being undone; nothing was undone.
    BeforeUndo(usize),
    /// The step was undone; the journal does not say so yet.
    AfterUndo(usize),
}

/// What happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Goes on.
    Go,
    /// Turns back; on the way back it changes nothing.
    Cancel,
    /// Stops on the spot and leaves everything as it is, as a kill would.
    Die,
}

/// Asked between any two effects.
pub trait Hook: Send + Sync {
    /// What shall happen at this moment.
    fn at(&self, moment: Moment) -> Next;

    /// The plan is made and about to be run.
    fn planned(&self, _steps: &Arc<Vec<Step>>) {}
}

/// Nobody steps in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Always;

impl Hook for Always {
    fn at(&self, _: Moment) -> Next {
        Next::Go
    }
}

/// Two who may step in; the first one's word goes before the second's.
pub struct Both<'a>(pub &'a dyn Hook, pub &'a dyn Hook);

impl Hook for Both<'_> {
    fn at(&self, moment: Moment) -> Next {
        match self.0.at(moment) {
            Next::Go => self.1.at(moment),
            other => other,
        }
    }
}

impl<F: Fn(Moment) -> Next + Send + Sync> Hook for F {
    fn at(&self, moment: Moment) -> Next {
        self(moment)
    }
}
