//! `cargo xtask bench create`.

use anyhow::{Result, ensure};
use lab::{Choice, Lab, Progress};
use serde_json::{Value, json};

use super::metric::{Bound, Metric};
use super::results::Results;
use super::{boot, report};
use crate::stories::{self, Binaries};

/// How to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// Releases (4.14, 4.17, 4.20), each booted once.
    #[arg(long, value_delimiter = ',', default_value = "4.17", value_name = "RELEASE")]
    xen: Vec<String>,
    /// Repetitions that count; one more is made first and dropped.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    repetitions: u32,
    /// Leave out the Debian guest, whose kernel `xl` unpacks for minutes.
    #[arg(long)]
    quick: bool,
}

/// Measures and compares on each release.
pub fn run(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let choices = arguments.xen.iter().map(|name| Choice::parse(name)).collect::<Result<Vec<_>>>()?;
    let lab = Lab::open(&progress)?;
    let binaries = progress.suspend(stories::build)?;
    let mut missed = Vec::new();
    for choice in choices {
        let (metrics, about) = measure(&lab, &choice, arguments, &binaries, &progress)?;
        progress.done();
        report::print(&metrics, &about)?;
        missed.extend(report::missed(&metrics, &choice.name()));
    }
    ensure!(missed.is_empty(), "more than it must be: {}", missed.join(", "));
    Ok(())
}

/// One boot. Gives the figures, and what every line of JSON says beside its own.
fn measure(lab: &Lab, choice: &Choice, arguments: &Arguments, binaries: &Binaries, progress: &Progress) -> Result<(Vec<Metric>, Value)> {
    let quick = if arguments.quick { " --quick" } else { "" };
    let script = format!("scenarios bench create --repetitions {}{quick}\n", arguments.repetitions + 1);
    let mut results = Results::default();
    let xen = boot::run(lab, choice, "create", &script, binaries, &mut results, progress)?;
    let about =
        json!({ "bench": "create", "xen": xen, "store": "xenith", "host_load": report::host_load(), "sha256": binaries.xenith.sha256 });
    let mut metrics = tiny(&results)?;
    if !arguments.quick {
        metrics.extend(linux(&results)?);
    }
    Ok((metrics, about))
}

fn bound(must: f64, aim: f64) -> Option<Bound> {
    Some(Bound { must, aim })
}

fn time(results: &Results, metric: &'static str, case: &str, own: &str, bound: Option<Bound>) -> Result<Metric> {
    Ok(Metric::time(metric, &results.times(case, "xl")?, &results.times(case, own)?, bound))
}

fn tiny(results: &Results) -> Result<Vec<Metric>> {
    let (xl, own) = (results.cost("create", "xl")?, results.cost("create", "api")?);
    Ok(vec![
        time(results, "create by API", "create", "api", bound(0.25, 0.10))?,
        time(results, "create by command line", "create", "cli", bound(0.35, 0.20))?,
        time(results, "destroy by API", "destroy", "api", bound(0.5, 0.25))?,
        time(results, "destroy by command line", "destroy", "cli", bound(0.5, 0.25))?,
        Metric::count("hypercalls and maps", Some(xl.hypercalls + xl.mappings), own.hypercalls + own.mappings, bound(40.0, 24.0)),
        Metric::count("hypercalls", Some(xl.hypercalls), own.hypercalls, None),
        Metric::count("traps into Xen", Some(xl.traps), own.traps, None),
        Metric::count("maps", Some(xl.mappings), own.mappings, None),
        Metric::count("mapped frames", None, own.mapped_frames, None),
        Metric::count("store requests", Some(xl.store_requests), own.store_requests, None),
        Metric::count("store waits", Some(xl.store_waits), own.store_waits, bound(5.0, 3.0)),
    ])
}

fn linux(results: &Results) -> Result<Vec<Metric>> {
    Ok(vec![
        time(results, "bzImage guest, first create", "linux", "first", None)?,
        time(results, "bzImage guest, second create", "linux", "second", bound(0.10, 0.05))?,
        Metric::count("bzImage guest, mapped frames", None, results.cost("linux", "second")?.mapped_frames, None),
    ])
}
