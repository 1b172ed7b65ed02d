//! The run itself: forward, and back.

use super::{Act, Cause, Failure, Finished, Hook, Moment, Next};
use crate::clock::Clock;
use crate::journal::{Mark, Page, Progress, Unfinished};

/// A run's surroundings.
pub struct Run<'a, A: Act> {
    /// What is to be done, in order.
    pub steps: &'a [A],
    /// What the steps work on.
    pub world: &'a A::World,
    /// Whether a run that fails is taken back. Where it is not, its page stays, and it is resumed later.
    pub way_back: bool,
    /// Asked between the steps.
    pub hook: &'a dyn Hook,
    /// Times the steps.
    pub clock: &'a dyn Clock,
}

/// Does all the steps of a fresh page, or none.
pub fn start<A: Act>(run: &Run<'_, A>, page: Page) -> Result<Finished, Failure<A::Fault>> {
    Runner::new(run, page, Progress::default()).forward(0)
}

/// Goes on with what an earlier run left, from the step that it may have been at.
pub fn resume<A: Act>(run: &Run<'_, A>, unfinished: Unfinished) -> Result<Finished, Failure<A::Fault>> {
    let from = unfinished.reached.unwrap_or(0);
    Runner::new(run, unfinished.page, unfinished.progress).forward(from)
}

/// Takes back what an earlier run left.
pub fn unwind<A: Act>(run: &Run<'_, A>, unfinished: Unfinished) -> Failure<A::Fault> {
    let mut runner = Runner::new(run, unfinished.page, unfinished.progress);
    runner.reached = unfinished.reached;
    runner.back(Cause::Unwound)
}

struct Runner<'r, 'a, A: Act> {
    run: &'r Run<'a, A>,
    page: Page,
    progress: Progress,
    durations_us: Vec<Option<u64>>,
    /// The step that may have happened last.
    reached: Option<usize>,
}

impl<'r, 'a, A: Act> Runner<'r, 'a, A> {
    fn new(run: &'r Run<'a, A>, page: Page, progress: Progress) -> Self {
        Runner { run, page, progress, durations_us: vec![None; run.steps.len()], reached: None }
    }

    fn forward(mut self, from: usize) -> Result<Finished, Failure<A::Fault>> {
        let mut mark = Mark::doing(from);
        for (index, step) in self.run.steps.iter().enumerate().skip(from) {
            match self.step(index, step, mark) {
                Ok(next) => mark = next,
                Err(cause) => return Err(self.back(cause)),
            }
        }
        let Runner { page, progress, durations_us, .. } = self;
        match page.close() {
            Ok(()) => Ok(Finished { progress, durations_us }),
            Err(error) => Err(Failure { cause: Cause::Journal(error), left: Vec::new(), page_stays: true }),
        }
    }

    /// Does one step; gives the mark that says so and announces the next one.
    fn step(&mut self, index: usize, step: &A, mark: Mark) -> Result<Mark, Cause<A::Fault>> {
        self.page.mark(&mark)?;
        self.pause(Moment::BeforeAct(index))?;
        self.reached = Some(index);
        let before = self.progress.clone();
        let began = self.run.clock.now();
        let acted = step.act(self.run.world, &mut self.progress);
        let took = self.run.clock.now().saturating_sub(began);
        acted.map_err(|fault| Cause::Step { step: step.text(), fault })?;
        if let Some(slot) = self.durations_us.get_mut(index) {
            *slot = Some(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
        self.pause(Moment::AfterAct(index))?;
        let progress = (self.progress != before).then(|| self.progress.clone());
        Ok(Mark { done: Some(index), doing: Some(index + 1), progress, ..Mark::default() })
    }

    fn pause(&self, moment: Moment) -> Result<(), Cause<A::Fault>> {
        match self.run.hook.at(moment) {
            Next::Go => Ok(()),
            Next::Cancel => Err(Cause::Cancelled),
            Next::Die => Err(Cause::Killed),
        }
    }

    /// Undoes from the last step that may have happened down to the first. A journal that cannot be written stops nothing: undoing
    /// twice does no harm.
    fn back(mut self, cause: Cause<A::Fault>) -> Failure<A::Fault> {
        let mut left = Vec::new();
        if matches!(cause, Cause::Killed) || !self.run.way_back {
            return Failure { cause, left, page_stays: true };
        }
        let undo = self.reached.map_or(0, |reached| reached + 1);
        for (index, step) in self.run.steps.iter().enumerate().take(undo).rev() {
            let _ = self.page.mark(&Mark { undoing: Some(index), ..Mark::default() });
            if self.run.hook.at(Moment::BeforeUndo(index)) == Next::Die {
                return Failure { cause: Cause::Killed, left, page_stays: true };
            }
            if let Err(fault) = step.undo(self.run.world, &mut self.progress) {
                left.push((step.undo_text(), fault));
            }
            if self.run.hook.at(Moment::AfterUndo(index)) == Next::Die {
                return Failure { cause: Cause::Killed, left, page_stays: true };
            }
            if left.is_empty() {
                let progress = Some(self.progress.clone());
                let _ = self.page.mark(&Mark { undone: Some(index), progress, ..Mark::default() });
            }
        }
        if left.is_empty() {
            let _ = self.page.close();
        }
        let page_stays = !left.is_empty();
        Failure { cause, left, page_stays }
    }
}
