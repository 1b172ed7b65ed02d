//! Delta debugging: as long as a script without some of its steps still shows a difference, those go.

use std::time::{Duration, Instant};

use crate::pair;
use crate::script::Step;

/// Enough for the scripts there are; what is left then is short already.
const LIMIT: Duration = Duration::from_secs(60);

pub fn minimise(peer: &str, mut steps: Vec<Step>, mut difference: String) -> (Vec<Step>, String) {
    let begun = Instant::now();
    let mut chunk = steps.len().div_ceil(2);
    while chunk > 0 && begun.elapsed() < LIMIT {
        let before = steps.len();
        let mut at = 0;
        while at < steps.len() && begun.elapsed() < LIMIT {
            let mut without = steps.clone();
            without.drain(at..(at + chunk).min(steps.len()));
            match pair::run(peer, &without, false) {
                Err(other) => (steps, difference) = (without, other),
                Ok(_) => at += chunk,
            }
        }
        if chunk > 1 || steps.len() == before {
            chunk /= 2;
        }
    }
    (steps, difference)
}
