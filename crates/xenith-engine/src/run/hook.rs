//! Where somebody may step in between two steps: to cancel, or, in tests, to play the kill.

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
}

/// Nobody steps in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Always;

impl Hook for Always {
    fn at(&self, _: Moment) -> Next {
        Next::Go
    }
}

impl<F: Fn(Moment) -> Next + Send + Sync> Hook for F {
    fn at(&self, moment: Moment) -> Next {
        self(moment)
    }
}
