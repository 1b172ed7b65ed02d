//! Every way a run of four steps can go, on a world that is a set of things that were done.

use std::collections::BTreeSet;
use std::sync::Mutex;

use uuid::Uuid;

use super::*;
use crate::clock::SystemClock;
use crate::journal::{DestroyEntry, Journal, Operation, Unfinished};

/// A step that adds its number to the world, or fails after having done so.
struct Add(usize);

#[derive(Default)]
struct World {
    things: Mutex<BTreeSet<usize>>,
    failing_acts: BTreeSet<usize>,
    failing_undos: Mutex<BTreeSet<usize>>,
}

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

impl Act for Add {
    type World = World;
    type Fault = Refused;

    fn text(&self) -> String {
        format!("add {}", self.0)
    }

    fn undo_text(&self) -> String {
        format!("remove {}", self.0)
    }

    fn act(&self, world: &World, progress: &mut Progress) -> Result<(), Refused> {
        world.things.lock().unwrap().insert(self.0);
        progress.domid = Some(self.0 as u16);
        if world.failing_acts.contains(&self.0) { Err(Refused) } else { Ok(()) }
    }

    fn undo(&self, world: &World, _: &mut Progress) -> Result<(), Refused> {
        if world.failing_undos.lock().unwrap().contains(&self.0) {
            return Err(Refused);
        }
        world.things.lock().unwrap().remove(&self.0);
        Ok(())
    }
}

struct Bench {
    _dir: tempfile::TempDir,
    journal: Journal,
    steps: Vec<Add>,
    world: World,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::open(dir.path()).unwrap();
        Bench { _dir: dir, journal, steps: (0..4).map(Add).collect(), world: World::default() }
    }

    fn with<R>(&self, hook: &dyn Hook, go: impl FnOnce(&Run<'_, Add>) -> R) -> R {
        go(&Run { steps: &self.steps, world: &self.world, way_back: true, hook, clock: &SystemClock::new() })
    }

    fn start(&self, hook: &dyn Hook) -> Result<Finished, Failure<Refused>> {
        let operation = Operation::Destroy(DestroyEntry { uuid: Uuid::nil(), domid: 1, name: "web".to_owned() });
        let page = self.journal.begin(Uuid::from_u128(1), &operation).unwrap();
        self.with(hook, |run| start(run, page))
    }

    fn forward<'a>(&'a self, world: &'a World, clock: &'a SystemClock) -> Run<'a, Add> {
        Run { steps: &self.steps, world, way_back: false, hook: &Always, clock }
    }

    fn left_in_journal(&self) -> Option<Unfinished> {
        self.journal.unfinished().unwrap().0.pop()
    }

    fn things(&self) -> Vec<usize> {
        self.world.things.lock().unwrap().iter().copied().collect()
    }
}

#[test]
fn all_steps_or_none() {
    for failing in [None, Some(0), Some(1), Some(2), Some(3)] {
        let mut bench = Bench::new();
        bench.world.failing_acts.extend(failing);
        let result = bench.start(&Always);
        let expected: &[usize] = if failing.is_none() { &[0, 1, 2, 3] } else { &[] };
        assert_eq!(bench.things(), expected, "step {failing:?} fails");
        assert!(bench.left_in_journal().is_none());
        match (failing, result) {
            (None, Ok(finished)) => assert!(finished.durations_us.iter().all(Option::is_some)),
            (Some(step), Err(failure)) => assert_eq!(failure.to_string(), format!("add {step}: refused")),
            (failing, result) => panic!("step {failing:?} fails: {result:?}"),
        }
    }
}

#[test]
fn a_cancel_at_any_moment_leaves_nothing() {
    for at in (0..4).flat_map(|step| [Moment::BeforeAct(step), Moment::AfterAct(step)]) {
        let bench = Bench::new();
        let result = bench.start(&move |moment| if moment == at { Next::Cancel } else { Next::Go });
        assert!(matches!(result, Err(Failure { cause: Cause::Cancelled, .. })), "{at:?}");
        assert!(bench.things().is_empty(), "{at:?}");
        assert!(bench.left_in_journal().is_none(), "{at:?}");
    }
}

fn die_at(at: Moment) -> impl Fn(Moment) -> Next {
    move |moment| if moment == at { Next::Die } else { Next::Go }
}

#[test]
fn a_kill_at_any_moment_can_be_unwound_or_resumed() {
    for at in (0..4).flat_map(|step| [Moment::BeforeAct(step), Moment::AfterAct(step)]) {
        for resumed in [false, true] {
            let bench = Bench::new();
            assert!(matches!(bench.start(&die_at(at)), Err(Failure { cause: Cause::Killed, .. })));
            let unfinished = bench.left_in_journal().expect("a page");
            assert!(!unfinished.undoing);
            if resumed {
                bench.with(&Always, |run| resume(run, unfinished)).unwrap();
                assert_eq!(bench.things(), [0, 1, 2, 3], "{at:?}");
            } else {
                bench.with(&Always, |run| unwind(run, unfinished));
                assert!(bench.things().is_empty(), "{at:?}");
            }
            assert!(bench.left_in_journal().is_none());
        }
    }
}

#[test]
fn a_kill_on_the_way_back_is_unwound() {
    for at in (0..4).flat_map(|step| [Moment::BeforeUndo(step), Moment::AfterUndo(step)]) {
        let mut bench = Bench::new();
        bench.world.failing_acts.insert(3);
        assert!(matches!(bench.start(&die_at(at)), Err(Failure { cause: Cause::Killed, .. })));
        let unfinished = bench.left_in_journal().expect("a page");
        assert!(unfinished.undoing, "{at:?}");
        bench.with(&Always, |run| unwind(run, unfinished));
        assert!(bench.things().is_empty(), "{at:?}");
    }
}

#[test]
fn an_undo_that_fails_is_tried_again_and_holds_up_no_other() {
    let mut bench = Bench::new();
    bench.world.failing_acts.insert(3);
    bench.world.failing_undos.lock().unwrap().insert(2);
    let failure = bench.start(&Always).unwrap_err();
    assert_eq!(failure.left.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), ["remove 2"]);
    assert!(failure.page_stays);
    assert_eq!(bench.things(), [2]);
    bench.world.failing_undos.lock().unwrap().clear();
    let unfinished = bench.left_in_journal().expect("the page stays");
    bench.with(&Always, |run| unwind(run, unfinished));
    assert!(bench.things().is_empty());
    assert!(bench.left_in_journal().is_none());
}

#[test]
fn without_a_way_back_a_failed_run_stays_where_it_is_and_is_resumed() {
    let mut bench = Bench::new();
    bench.world.failing_acts.insert(2);
    let operation = Operation::Destroy(DestroyEntry { uuid: Uuid::nil(), domid: 1, name: "web".to_owned() });
    let page = bench.journal.begin(Uuid::from_u128(1), &operation).unwrap();
    let clock = SystemClock::new();
    let failure = start(&bench.forward(&bench.world, &clock), page).unwrap_err();
    assert!(failure.page_stays && failure.left.is_empty());
    assert_eq!(bench.things(), [0, 1, 2]);
    let world = World { things: Mutex::new(BTreeSet::from([0, 1, 2])), ..World::default() };
    let unfinished = bench.left_in_journal().expect("the page stays");
    assert_eq!(unfinished.reached, Some(2));
    resume(&bench.forward(&world, &clock), unfinished).unwrap();
    assert_eq!(world.things.lock().unwrap().len(), 4);
    assert!(bench.left_in_journal().is_none());
}
