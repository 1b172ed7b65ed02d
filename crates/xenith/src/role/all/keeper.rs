//! When each role starts, is ready, and stops: pure, with time as a parameter.
//!
//! ```text
//!            start (store: at once; others: once the store is ready)
//!   Down ------------------------------------> Starting --answers--> Ready
//!    ^  waits out its back-off                     |                   |
//!    +----------------- ended ---------------------+-------------------+
//!
//!   stop: control, console, store, one after the other:  Ready --TERM--> Stopping --10 s, KILL--> Stopping --ended--> Stopped
//! ```

use std::time::Duration;

use rustix::process::Signal;

use crate::role::Role;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time went by.
    Time,
    /// The role's socket takes connections.
    Answers(Role),
    /// The role's process ended, or could not be started.
    Ended(Role),
    /// All shall stop.
    Stop,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Find the role's process, or start one.
    Start(Role),
    /// Send it a signal.
    Signal(Role, Signal),
    /// Tell our starter.
    AllReady,
    /// Everything has stopped.
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Down { until: Duration },
    Starting { since: Duration },
    Ready { since: Duration },
    Stopping { kill_at: Duration, killed: bool },
    Stopped,
}

struct Kept {
    role: Role,
    state: State,
    /// Ends in a row, each sooner than [`SETTLED`] after its start.
    failures: u32,
}

/// The first back-off; each failure in a row doubles it.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The longest back-off.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);
/// A role that ran this long has not failed at its start.
const SETTLED: Duration = Duration::from_secs(10);
/// How long a role may take to stop.
const STOP: Duration = Duration::from_secs(10);
/// How often a role that is starting is asked whether it answers.
const ASK: Duration = Duration::from_millis(20);

/// The roles and where each stands.
pub struct Keeper {
    roles: Vec<Kept>,
    stopping: bool,
    told_ready: bool,
}

impl Keeper {
    /// Nothing runs yet.
    pub fn new() -> Keeper {
        let kept = |role| Kept { role, state: State::Down { until: Duration::ZERO }, failures: 0 };
        Keeper { roles: Role::ALL.map(kept).into(), stopping: false, told_ready: false }
    }

    /// Takes an event at a time since the beginning; says what to do, in order.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        match event {
            Event::Time => (),
            Event::Answers(role) => self.answers(now, role),
            Event::Ended(role) => self.ended(now, role),
            Event::Stop => self.stopping = true,
        }
        if self.stopping { self.stop(now) } else { self.start(now) }
    }

    /// Whether all shall stop.
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// Roles to be asked whether they answer.
    pub fn unanswered(&self) -> Vec<Role> {
        self.roles.iter().filter(|kept| matches!(kept.state, State::Starting { .. })).map(|kept| kept.role).collect()
    }

    /// How long nothing is to be done unless something happens; none is for ever.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let until = |kept: &Kept| match kept.state {
            State::Down { until } if self.may_start(kept.role) => Some(until.saturating_sub(now)),
            State::Starting { .. } => Some(ASK),
            State::Stopping { kill_at, killed: false } => Some(kill_at.saturating_sub(now)),
            _ => None,
        };
        self.roles.iter().filter_map(until).min()
    }

    fn answers(&mut self, now: Duration, role: Role) {
        for kept in self.roles.iter_mut().filter(|kept| kept.role == role && matches!(kept.state, State::Starting { .. })) {
            kept.state = State::Ready { since: now };
        }
    }

    fn ended(&mut self, now: Duration, role: Role) {
        let stopping = self.stopping;
        for kept in self.roles.iter_mut().filter(|kept| kept.role == role) {
            let (State::Starting { since } | State::Ready { since }) = kept.state else {
                kept.state = State::Stopped;
                continue;
            };
            kept.failures = if now.saturating_sub(since) >= SETTLED { 0 } else { kept.failures.saturating_add(1) };
            let back_off = BACK_OFF.saturating_mul(1 << kept.failures.min(16)).min(BACK_OFF_MAX);
            kept.state = if stopping { State::Stopped } else { State::Down { until: now + back_off } };
        }
    }

    fn may_start(&self, role: Role) -> bool {
        let store_is_ready = self.roles.iter().any(|kept| kept.role == Role::Store && matches!(kept.state, State::Ready { .. }));
        !self.stopping && (role == Role::Store || store_is_ready)
    }

    fn start(&mut self, now: Duration) -> Vec<Action> {
        let due = |kept: &Kept| matches!(kept.state, State::Down { until } if until <= now) && self.may_start(kept.role);
        let due: Vec<Role> = self.roles.iter().filter(|kept| due(kept)).map(|kept| kept.role).collect();
        for kept in self.roles.iter_mut().filter(|kept| due.contains(&kept.role)) {
            kept.state = State::Starting { since: now };
        }
        let mut actions: Vec<Action> = due.into_iter().map(Action::Start).collect();
        if !self.told_ready && self.roles.iter().all(|kept| matches!(kept.state, State::Ready { .. })) {
            self.told_ready = true;
            actions.push(Action::AllReady);
        }
        actions
    }

    /// The last role that has not stopped is the one to stop now.
    fn stop(&mut self, now: Duration) -> Vec<Action> {
        while let Some(kept) = self.roles.iter_mut().rev().find(|kept| kept.state != State::Stopped) {
            match kept.state {
                State::Down { .. } => kept.state = State::Stopped,
                State::Starting { .. } | State::Ready { .. } => {
                    kept.state = State::Stopping { kill_at: now + STOP, killed: false };
                    return vec![Action::Signal(kept.role, Signal::TERM)];
                }
                State::Stopping { kill_at, killed: false } if kill_at <= now => {
                    kept.state = State::Stopping { kill_at, killed: true };
                    return vec![Action::Signal(kept.role, Signal::KILL)];
                }
                State::Stopping { .. } | State::Stopped => return Vec::new(),
            }
        }
        vec![Action::End]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Role::{Console, Control, Store};

    /// Plays events at their times, in ms; checks what each made it do.
    #[track_caller]
    fn play(script: &[(u64, Event, &[Action])]) -> Keeper {
        let mut keeper = Keeper::new();
        for (at, event, expected) in script {
            assert_eq!(keeper.handle(Duration::from_millis(*at), *event), *expected, "at {at} ms, {event:?}");
        }
        keeper
    }

    const UP: [(u64, Event, &[Action]); 4] = [
        (0, Event::Time, &[Action::Start(Store)]),
        (50, Event::Answers(Store), &[Action::Start(Console), Action::Start(Control)]),
        (60, Event::Answers(Control), &[]),
        (70, Event::Answers(Console), &[Action::AllReady]),
    ];

    #[test]
    fn the_store_comes_first_and_ready_is_told_once() {
        let keeper = play(&UP);
        assert_eq!((keeper.unanswered(), keeper.wait(Duration::from_millis(80))), (vec![], None));
    }

    #[test]
    fn a_role_that_dies_at_its_start_waits_longer_each_time() {
        let keeper = play(&[
            (0, Event::Time, &[Action::Start(Store)]),
            (10, Event::Ended(Store), &[]),
            (209, Event::Time, &[]),
            (210, Event::Time, &[Action::Start(Store)]),
            (210, Event::Ended(Store), &[]),
            (609, Event::Time, &[]),
            (610, Event::Time, &[Action::Start(Store)]),
        ]);
        assert_eq!(keeper.unanswered(), [Store]);
        assert_eq!(keeper.wait(Duration::from_millis(610)), Some(ASK));
    }

    #[test]
    fn the_back_off_has_an_end() {
        let mut keeper = Keeper::new();
        let mut now = Duration::ZERO;
        for _ in 0..100 {
            assert_eq!(keeper.handle(now, Event::Time), [Action::Start(Store)]);
            assert_eq!(keeper.handle(now, Event::Ended(Store)), []);
            let wait = keeper.wait(now).unwrap();
            assert!(wait <= BACK_OFF_MAX);
            now += wait;
        }
    }

    #[test]
    fn a_role_that_ran_comes_back_soon_and_the_others_run_on() {
        let mut script = UP.to_vec();
        script.extend::<[(u64, Event, &[Action]); 3]>([
            (99_000, Event::Ended(Store), &[]),
            (99_100, Event::Time, &[Action::Start(Store)]),
            (99_150, Event::Answers(Store), &[]),
        ]);
        play(&script);
    }

    #[test]
    fn roles_wait_for_a_store_that_is_away() {
        let mut script = UP.to_vec();
        script.extend::<[(u64, Event, &[Action]); 4]>([
            (99_000, Event::Ended(Store), &[]),
            (99_001, Event::Ended(Control), &[]),
            (99_200, Event::Time, &[Action::Start(Store)]),
            (99_300, Event::Answers(Store), &[Action::Start(Control)]),
        ]);
        play(&script);
    }

    #[test]
    fn stopping_goes_backwards_and_kills_who_lingers() {
        let mut script = UP.to_vec();
        script.extend::<[(u64, Event, &[Action]); 8]>([
            (1000, Event::Stop, &[Action::Signal(Control, Signal::TERM)]),
            (1001, Event::Stop, &[]),
            (1100, Event::Ended(Control), &[Action::Signal(Console, Signal::TERM)]),
            (1200, Event::Ended(Console), &[Action::Signal(Store, Signal::TERM)]),
            (11_199, Event::Time, &[]),
            (11_200, Event::Time, &[Action::Signal(Store, Signal::KILL)]),
            (11_201, Event::Time, &[]),
            (11_210, Event::Ended(Store), &[Action::End]),
        ]);
        play(&script);
    }

    #[test]
    fn stopping_out_of_order_and_before_all_was_up() {
        play(&[
            (0, Event::Time, &[Action::Start(Store)]),
            (1, Event::Stop, &[Action::Signal(Store, Signal::TERM)]),
            (2, Event::Ended(Store), &[Action::End]),
        ]);
        let mut script = UP.to_vec();
        script.extend::<[(u64, Event, &[Action]); 4]>([
            (100, Event::Stop, &[Action::Signal(Control, Signal::TERM)]),
            (101, Event::Ended(Store), &[]),
            (102, Event::Ended(Control), &[Action::Signal(Console, Signal::TERM)]),
            (103, Event::Ended(Console), &[Action::End]),
        ]);
        play(&script);
    }
}
