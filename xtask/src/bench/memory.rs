//! `cargo xtask bench memory`: what a toolstack's processes hold in dom0, and what each domain adds.
//!
//! A machine has one store, so there are two boots of the same release: one of ours, one of the stock daemons with `xl`, which leaves a process with
//! every domain. Memory is the sum of each process's proportional set size; the kernel's own is in neither.

use anyhow::{Result, ensure};
use lab::{Choice, Lab, Progress};
use serde_json::json;

use super::metric::{Bound, Metric};
use super::results::Results;
use super::{boot, report};
use crate::stories;

/// What [`Results`] are kept under, and what is started before.
const CONTESTANTS: [(&str, &str); 2] = [("stock", "/lab/stock-start && "), ("ours", "")];

/// How to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// The release (4.14, 4.17, 4.20), booted once for each toolstack.
    #[arg(long, default_value = "4.17", value_name = "RELEASE")]
    xen: String,
    /// How many domains; more than 120 need more memory than the machine has.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=120))]
    domains: u32,
}

/// Measures both toolstacks and compares.
pub fn run(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let choice = Choice::parse(&arguments.xen)?;
    let lab = Lab::open(&progress)?;
    let binaries = progress.suspend(stories::build)?;
    let (mut results, mut xen) = (Results::default(), String::new());
    for (who, before) in CONTESTANTS {
        let script = format!("{before}scenarios bench memory {who} --domains {}\n", arguments.domains);
        xen = boot::run(&lab, &choice, &format!("memory-{who}"), &script, &binaries, &mut results, &progress)?;
    }
    progress.done();
    let metrics = compare(&results, u64::from(arguments.domains))?;
    let about = json!({ "bench": "memory", "xen": xen, "domains": arguments.domains, "host_load": report::host_load(), "sha256": binaries.xenith.sha256 });
    report::print(&metrics, &about)?;
    let missed = report::missed(&metrics, &choice.name());
    ensure!(missed.is_empty(), "more than it must be: {}", missed.join(", "));
    Ok(())
}

fn compare(results: &Results, domains: u64) -> Result<Vec<Metric>> {
    let [stock, ours] = ["stock", "ours"].map(|who| Memory::of(results, who));
    let (stock, ours) = (stock?, ours?);
    let alone = Some(Bound { must: 12e6, aim: 6e6 });
    let each = Some(Bound { must: 50e3, aim: 20e3 });
    Ok(vec![
        Metric::bytes("memory without domains", stock.alone, ours.alone, alone),
        Metric::bytes("memory with domains", stock.with_domains, ours.with_domains, None),
        Metric::bytes("memory for each domain", stock.each(domains), ours.each(domains), each),
        Metric::bytes("memory after the domains", stock.after, ours.after, None),
    ])
}

/// Bytes of one toolstack.
struct Memory {
    alone: u64,
    with_domains: u64,
    after: u64,
}

impl Memory {
    fn of(results: &Results, who: &str) -> Result<Self> {
        let bytes = |case| Ok::<_, anyhow::Error>(results.count(case, who)? * 1024);
        Ok(Self { alone: bytes("pss_kib_alone")?, with_domains: bytes("pss_kib_with_domains")?, after: bytes("pss_kib_after")? })
    }

    fn each(&self, domains: u64) -> u64 {
        self.with_domains.saturating_sub(self.alone) / domains.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::super::metric::Met;
    use super::*;

    #[test]
    fn a_domain_costs_what_it_adds() {
        let mut results = Results::default();
        for (case, who, kib) in [
            ("pss_kib_alone", "stock", 1500),
            ("pss_kib_with_domains", "stock", 31500),
            ("pss_kib_after", "stock", 1600),
            ("pss_kib_alone", "ours", 7000),
            ("pss_kib_with_domains", "ours", 7100),
            ("pss_kib_after", "ours", 7050),
        ] {
            results.hear(&format!(r#"XENITH-LAB: bench {{"case":"{case}","who":"{who}","count":{kib}}}"#)).unwrap();
        }
        let metrics = compare(&results, 20).unwrap();
        assert_eq!((metrics[0].own, metrics[0].met), (7000 << 10, Met::Must));
        assert_eq!((metrics[2].peer, metrics[2].own, metrics[2].met), (Some(1500 << 10), 5 << 10, Met::Aim));
        assert!(compare(&Results::default(), 20).is_err());
    }
}
