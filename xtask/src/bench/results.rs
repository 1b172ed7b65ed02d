//! What the measurements in dom0 told: `XENITH-LAB: bench {"case":"create","who":"xl","us":[...]}`.

use anyhow::{Context, Result};
use lab::machine::MARK;
use serde::Deserialize;

/// What went out, as `scenarios` counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Cost {
    /// Hypercalls, a multicall as its entries.
    pub hypercalls: u64,
    /// Entries into Xen.
    pub traps: u64,
    /// Mappings.
    pub mappings: u64,
    /// Frames of those mappings; strace does not see those of stock tools.
    pub mapped_frames: u64,
    /// Requests to the store.
    pub store_requests: u64,
    /// Waits for the store.
    pub store_waits: u64,
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Told {
    case: String,
    who: String,
    us: Option<Vec<u64>>,
    cost: Option<Cost>,
    count: Option<u64>,
}

/// Every line of one boot.
#[derive(Debug, Default)]
pub struct Results {
    told: Vec<Told>,
}

impl Results {
    /// Takes a line in; others than results are none of ours.
    ///
    /// # Errors
    /// When a result cannot be read.
    pub fn hear(&mut self, line: &str) -> Result<()> {
        if let Some(text) = line.strip_prefix(MARK).and_then(|line| line.strip_prefix("bench ")) {
            self.told.push(serde_json::from_str(text).with_context(|| format!("read {text}"))?);
        }
        Ok(())
    }

    /// The times of one contestant, without the first.
    ///
    /// # Errors
    /// When there are none.
    pub fn times(&self, case: &str, who: &str) -> Result<Times> {
        let us = self.find(case, who, |told| told.us.as_ref())?;
        let mut kept: Vec<u64> = us.iter().skip(1).copied().collect();
        kept.sort_unstable();
        let median = *kept.get(kept.len() / 2).with_context(|| format!("{case} by {who}: no repetition"))?;
        Ok(Times { kept, median })
    }

    /// The counts of one contestant.
    ///
    /// # Errors
    /// When there are none.
    pub fn cost(&self, case: &str, who: &str) -> Result<Cost> {
        self.find(case, who, |told| told.cost)
    }

    /// A single figure of one contestant.
    ///
    /// # Errors
    /// When there is none.
    pub fn count(&self, case: &str, who: &str) -> Result<u64> {
        self.find(case, who, |told| told.count)
    }

    fn find<'a, T>(&'a self, case: &str, who: &str, part: impl Fn(&'a Told) -> Option<T>) -> Result<T> {
        let mut these = self.told.iter().filter(|told| told.case == case && told.who == who);
        these.find_map(part).with_context(|| format!("{case} by {who} was not measured"))
    }
}

/// Times in microseconds.
#[derive(Debug, PartialEq, Eq)]
pub struct Times {
    kept: Vec<u64>,
    /// The middle one.
    pub median: u64,
}

impl Times {
    /// From the shortest to the longest, in percent of the median.
    pub fn spread_percent(&self) -> f64 {
        let width = self.kept.last().zip(self.kept.first()).map_or(0, |(longest, shortest)| longest - shortest);
        width as f64 * 100.0 / self.median.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_read_and_the_first_is_dropped() {
        let mut results = Results::default();
        for line in [
            r#"XENITH-LAB: bench {"case":"create","who":"xl","us":[900,110,100,90,105,95]}"#,
            r#"XENITH-LAB: bench {"case":"create","who":"xl","cost":{"hypercalls":96,"traps":96,"mappings":11,"mapped_frames":0,"store_requests":119,"store_waits":119}}"#,
            r#"XENITH-LAB: bench {"case":"syncs","who":"xl","count":0}"#,
            "XENITH-LAB: exit 0",
        ] {
            results.hear(line).unwrap();
        }
        let times = results.times("create", "xl").unwrap();
        assert_eq!((times.median, times.spread_percent()), (100, 20.0));
        assert_eq!(results.cost("create", "xl").unwrap().store_waits, 119);
        assert_eq!(results.count("syncs", "xl").unwrap(), 0);
        assert!(results.times("create", "api").is_err());
        assert!(results.count("create", "xl").is_err());
        assert!(results.hear("XENITH-LAB: bench {").is_err());
    }
}
