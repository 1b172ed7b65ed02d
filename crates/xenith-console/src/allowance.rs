//! A noisy console's share: a bucket of bytes that fills at a steady rate.
//!
//! While it is empty the ring is left alone and its port masked, so that the guest waits and costs us nothing.

/// How much one console may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bytes per second over a longer time.
    pub bytes_per_second: u32,
    /// Bytes at once after a quiet time.
    pub burst_bytes: u32,
}

/// What is left of it.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    rate: Rate,
    /// Thousandths of bytes, so that short times add up exactly.
    left: u64,
    at_ms: u64,
}

impl Allowance {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: Rate, now_ms: u64) -> Allowance {
        Allowance { rate, left: u64::from(rate.burst_bytes) * 1000, at_ms: now_ms }
    }

    /// How many bytes may be taken now.
    pub fn bytes(&mut self, now_ms: u64) -> usize {
        let passed = now_ms.saturating_sub(self.at_ms);
        let full = u64::from(self.rate.burst_bytes) * 1000;
        self.left = passed.saturating_mul(u64::from(self.rate.bytes_per_second)).saturating_add(self.left).min(full);
        self.at_ms = self.at_ms.max(now_ms);
        usize::try_from(self.left / 1000).unwrap_or(usize::MAX)
    }

    /// Takes bytes out.
    pub fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes as u64 * 1000);
    }

    /// In how many milliseconds there is something to take, at least one: a quarter of the burst, so that a limited console is served in
    /// pieces that are worth a turn.
    #[must_use]
    pub fn wait_ms(&self) -> u64 {
        let wanted = u64::from(self.rate.burst_bytes / 4).max(1) * 1000;
        let lacking = wanted.saturating_sub(self.left);
        lacking.div_ceil(u64::from(self.rate.bytes_per_second).max(1)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { bytes_per_second: 1000, burst_bytes: 400 };

    #[test]
    fn it_fills_at_the_rate_up_to_the_burst() {
        let mut allowance = Allowance::new(RATE, 50);
        let steps = [(50, 400, 400), (50, 0, 0), (51, 1, 0), (151, 101, 100), (10_000, 400, 1), (9_000, 399, 0)];
        for (now_ms, expected, spent) in steps {
            assert_eq!(allowance.bytes(now_ms), expected, "at {now_ms}");
            allowance.spend(spent);
        }
    }

    #[test]
    fn the_wait_is_as_long_as_it_says() {
        let mut allowance = Allowance::new(RATE, 0);
        allowance.spend(400);
        assert_eq!(allowance.wait_ms(), 100);
        assert_eq!(allowance.bytes(100), 100);
        assert_eq!(Allowance::new(Rate { bytes_per_second: 0, burst_bytes: 0 }, 0).wait_ms(), 1000);
    }

    /// Over ten seconds of flooding, the sum is the rate.
    #[test]
    fn a_flood_is_held_to_the_rate() {
        let mut allowance = Allowance::new(RATE, 0);
        let mut sum = 0;
        for now_ms in (0..=10_000).step_by(7) {
            let bytes = allowance.bytes(now_ms);
            allowance.spend(bytes);
            sum += bytes;
        }
        assert!((10_300..=10_400).contains(&sum), "{sum}");
    }
}
