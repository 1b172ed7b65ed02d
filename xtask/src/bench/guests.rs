//! `cargo xtask bench guests`: what guests that only exist cost a write.
//!
//! A machine has one store, so there are two boots of the same release with the same tools: one on the C store, one on ours.

use anyhow::{Result, ensure};
use lab::{Choice, Lab, Progress};
use serde_json::json;

use super::metric::{Bound, Metric};
use super::results::{Results, Times};
use super::{boot, report};
use crate::stories;

/// What [`Results`] are kept under, and what `/lab/stock-start` starts for it.
const STORES: [(&str, &str); 2] = [("stock", "xenstored"), ("ours", "xenith")];

/// How to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// The release (4.14, 4.17, 4.20), booted once for each store.
    #[arg(long, default_value = "4.17", value_name = "RELEASE")]
    xen: String,
    /// Repetitions that count, of 200 writes each; one more is made first and dropped.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    repetitions: u32,
    /// How many guests; more than 120 need more memory than the machine has.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=120))]
    guests: u32,
}

/// Measures both stores and compares.
pub fn run(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let choice = Choice::parse(&arguments.xen)?;
    let lab = Lab::open(&progress)?;
    let binaries = progress.suspend(stories::build)?;
    let (mut results, mut xen) = (Results::default(), String::new());
    for (who, daemon) in STORES {
        let script = format!(
            "/lab/stock-start {daemon} && scenarios bench guests {who} --guests {} --repetitions {}\n",
            arguments.guests,
            arguments.repetitions + 1
        );
        xen = boot::run(&lab, &choice, &format!("guests-{who}"), &script, &binaries, &mut results, &progress)?;
    }
    progress.done();
    let metrics = compare(&results)?;
    let about = json!({ "bench": "guests", "xen": xen, "guests": arguments.guests, "host_load": report::host_load(), "sha256": binaries.xenith.sha256 });
    report::print(&metrics, &about)?;
    let missed = report::missed(&metrics, &choice.name());
    ensure!(missed.is_empty(), "less than it must be: {}", missed.join(", "));
    Ok(())
}

fn compare(results: &Results) -> Result<Vec<Metric>> {
    let [stock, ours] = ["stock", "ours"].map(|who| Store::of(results, who));
    let (stock, ours) = (stock?, ours?);
    let bound = Some(Bound { must: 800.0, aim: 950.0 });
    Ok(vec![
        Metric::time("200 writes, no guest", &stock.alone, &ours.alone, None),
        Metric::time("200 writes, with guests", &stock.with_guests, &ours.with_guests, None),
        Metric::permille("rate with guests over rate without", stock.rate_left(), ours.rate_left(), bound),
    ])
}

/// The times of one store.
struct Store {
    alone: Times,
    with_guests: Times,
}

impl Store {
    fn of(results: &Results, who: &str) -> Result<Self> {
        Ok(Self { alone: results.times("write_alone", who)?, with_guests: results.times("write_with_guests", who)? })
    }

    /// What guests leave of the rate, in thousandths.
    fn rate_left(&self) -> u64 {
        self.alone.median * 1000 / self.with_guests.median.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::metric::Met;
    use super::*;

    #[test]
    fn each_store_is_compared_with_itself() {
        let mut results = Results::default();
        for (case, who, us) in [
            ("write_alone", "stock", 100),
            ("write_alone", "ours", 200),
            ("write_with_guests", "stock", 900),
            ("write_with_guests", "ours", 220),
        ] {
            let line = format!(r#"XENITH-LAB: bench {{"case":"{case}","who":"{who}","us":[1,{us}]}}"#);
            results.hear(&line).unwrap();
        }
        let metrics = compare(&results).unwrap();
        assert_eq!((metrics[2].peer, metrics[2].own, metrics[2].met), (Some(111), 909, Met::Must));
        assert!(compare(&Results::default()).is_err());
    }
}
