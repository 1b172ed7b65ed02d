//! Time as a parameter: the machine's in the daemon, a virtual one in the simulator.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time and waits.
pub trait Clock: Send + Sync {
    /// Time since some fixed moment; it never goes back.
    fn now(&self) -> Duration;
    /// Time since the beginning of 1970, as people have it.
    fn since_epoch(&self) -> Duration;
    /// Waits that long.
    fn sleep(&self, duration: Duration);
    /// How long the host waits at most until so much of this clock's time has passed.
    fn by_the_host(&self, duration: Duration) -> Duration {
        duration
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> SystemClock {
        SystemClock { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn since_epoch(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}
