//! `cargo xtask bench grow`: what domains that are there already cost a create, a list and a destroy, and what sixteen creates at once take.
//!
//! Both toolstacks work on our store in one boot, and there our API must hold its bounds. Our store speeds `xl` up, to half of its time beside
//! many domains, so that `xl` where it is at home, on the C store, is told by a boot of its own: what a command of ours must hold is against that.
//! oxenstored does not come up in the lab's dom0 (4.17: the kernel's xenbus waits for it for ever), so nothing is told about it.

use anyhow::{Result, ensure};
use lab::{Choice, Lab, Progress};
use serde_json::json;

use super::metric::{Bound, Metric};
use super::results::Results;
use super::{boot, report};
use crate::stories;

/// How to measure.
#[derive(clap::Args)]
pub struct Arguments {
    /// The release (4.14, 4.17, 4.20), booted once, and once more for `xl` on the C store.
    #[arg(long, default_value = "4.17", value_name = "RELEASE")]
    xen: String,
    /// Repetitions that count; one more is made first and dropped.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    repetitions: u32,
    /// How many domains are many (few are 2); more than 120 need more memory than the machine has.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(3..=120))]
    domains: u32,
    /// Leave out `xl` on the C store.
    #[arg(long)]
    quick: bool,
}

/// Measures and compares.
pub fn run(arguments: &Arguments) -> Result<()> {
    let progress = Progress::new();
    let choice = Choice::parse(&arguments.xen)?;
    let lab = Lab::open(&progress)?;
    let binaries = progress.suspend(stories::build)?;
    let mut results = Results::default();
    let words = format!("--domains {} --repetitions {}\n", arguments.domains, arguments.repetitions + 1);
    let mut boots = vec![("ours", format!("scenarios bench grow ours {words}"))];
    if !arguments.quick {
        boots.push(("xenstored", format!("/lab/stock-start && scenarios bench grow xenstored {words}")));
    }
    let mut xen = String::new();
    for (store, script) in &boots {
        xen = boot::run(&lab, &choice, &format!("grow-{store}"), script, &binaries, &mut results, &progress)?;
    }
    progress.done();
    let mut metrics = compare(&results)?;
    if !arguments.quick {
        metrics.extend(on_stock_store(&results)?);
    }
    let about = json!({ "bench": "grow", "xen": xen, "domains": arguments.domains, "host_load": report::host_load(), "sha256": binaries.xenith.sha256 });
    report::print(&metrics, &about)?;
    let missed = report::missed(&metrics, &choice.name());
    ensure!(missed.is_empty(), "more than it must be: {}", missed.join(", "));
    Ok(())
}

fn bound(must: f64, aim: f64) -> Option<Bound> {
    Some(Bound { must, aim })
}

fn compare(results: &Results) -> Result<Vec<Metric>> {
    let mut metrics = Vec::new();
    for (metric, case, own, bound) in [
        ("create by API, beside few", "create_few", "api", None),
        ("create by API, beside many", "create_many", "api", None),
        ("create by command line, beside few", "create_few", "cli", None),
        ("create by command line, beside many", "create_many", "cli", None),
        ("list by API, beside few", "list_few", "api", None),
        ("list by API, beside many", "list_many", "api", bound(0.35, 0.10)),
        ("list by command line, beside few", "list_few", "cli", None),
        ("list by command line, beside many", "list_many", "cli", None),
        ("destroy by API, beside few", "destroy_few", "api", None),
        ("destroy by API, beside many", "destroy_many", "api", bound(0.25, 0.10)),
        ("destroy by command line, beside few", "destroy_few", "cli", None),
        ("destroy by command line, beside many", "destroy_many", "cli", None),
        ("16 creates at once by API", "at_once", "api", bound(0.3, 0.3)),
        ("16 creates at once by command line", "at_once", "cli", None),
    ] {
        metrics.push(Metric::time(metric, &results.times(case, "xl")?, &results.times(case, own)?, bound));
    }
    let (idle, meanwhile) = (results.times("list_idle", "api")?, results.times("list_meanwhile", "api")?);
    metrics.push(Metric::time("list by API while a slow create goes on, against itself", &idle, &meanwhile, bound(1.5, 1.1)));
    let xl = growth(results, "xl")?;
    metrics.push(Metric::permille("create beside many over few, by API", xl, growth(results, "api")?, bound(1150.0, 1030.0)));
    metrics.push(Metric::permille("create beside many over few, by command line", xl, growth(results, "cli")?, bound(1150.0, 1030.0)));
    metrics.extend(counts(results)?);
    Ok(metrics)
}

/// How a create beside many compares with one beside few, in thousandths.
fn growth(results: &Results, who: &str) -> Result<u64> {
    let [few, many] = ["create_few", "create_many"].map(|case| results.times(case, who));
    Ok(many?.median * 1000 / few?.median.max(1))
}

fn counts(results: &Results) -> Result<Vec<Metric>> {
    let [few, many] =
        ["create_few", "create_many"].map(|case| Ok::<_, anyhow::Error>((results.cost(case, "xl")?, results.cost(case, "api")?)));
    let ((xl_few, few), (xl_many, many)) = (few?, many?);
    let syncs = |case: &str, who: &str| results.count(case, who);
    let none = bound(0.0, 0.0);
    Ok(vec![
        Metric::count("hypercalls of a create, beside few", Some(xl_few.hypercalls), few.hypercalls, None),
        Metric::count("hypercalls of a create, beside many", Some(xl_many.hypercalls), many.hypercalls, None),
        Metric::count(
            "hypercalls that a create gained",
            Some(xl_many.hypercalls.saturating_sub(xl_few.hypercalls)),
            many.hypercalls.saturating_sub(few.hypercalls),
            none,
        ),
        Metric::count("store requests of a create, beside few", Some(xl_few.store_requests), few.store_requests, None),
        Metric::count("store requests of a create, beside many", Some(xl_many.store_requests), many.store_requests, None),
        Metric::count("waits for the disk of a create", Some(syncs("syncs_of_a_create", "xl")?), syncs("syncs_of_a_create", "api")?, none),
        Metric::count("waits for the disk of a stored config", None, syncs("syncs_of_a_stored_config", "api")?, None),
    ])
}

/// Ours on our store beside `xl` where it is at home.
fn on_stock_store(results: &Results) -> Result<Vec<Metric>> {
    let xl = "xl on xenstored";
    let mut metrics = Vec::new();
    for (metric, case, own, bound) in [
        ("create by command line, beside many; xl on C store", "create_many", "cli", None),
        ("list by API, beside many; xl on C store", "list_many", "api", bound(0.35, 0.10)),
        ("list by command line, beside many; xl on C store", "list_many", "cli", bound(0.35, 0.10)),
        ("destroy by API, beside many; xl on C store", "destroy_many", "api", bound(0.25, 0.10)),
        ("destroy by command line, beside many; xl on C store", "destroy_many", "cli", bound(0.25, 0.10)),
    ] {
        metrics.push(Metric::time(metric, &results.times(case, xl)?, &results.times(case, own)?, bound));
    }
    metrics.push(Metric::permille(
        "create beside many over few, by API; xl on C store",
        growth(results, xl)?,
        growth(results, "api")?,
        None,
    ));
    Ok(metrics)
}

#[cfg(test)]
mod tests {
    use super::super::metric::Met;
    use super::*;

    fn heard(many_us: u64, many_hypercalls: u64, syncs: u64) -> Results {
        let mut results = Results::default();
        let mut hear = |text: String| results.hear(&format!("XENITH-LAB: bench {text}")).unwrap();
        for (who, us) in [("xl", 100), ("api", 10), ("cli", 20)] {
            for case in ["create_few", "list_few", "list_many", "destroy_few", "destroy_many", "at_once"] {
                hear(format!(r#"{{"case":"{case}","who":"{who}","us":[1,{us}]}}"#));
            }
            hear(format!(r#"{{"case":"create_many","who":"{who}","us":[1,{}]}}"#, if who == "api" { many_us } else { 20 }));
            hear(format!(r#"{{"case":"syncs_of_a_create","who":"{who}","count":{syncs}}}"#));
            for (case, hypercalls) in [("create_few", 20), ("create_many", many_hypercalls)] {
                hear(format!(
                    r#"{{"case":"{case}","who":"{who}","cost":{{"hypercalls":{hypercalls},"traps":1,"mappings":1,"mapped_frames":1,"store_requests":1,"store_waits":1}}}}"#
                ));
            }
        }
        hear(r#"{"case":"list_idle","who":"api","us":[1,10]}"#.to_owned());
        hear(r#"{"case":"list_meanwhile","who":"api","us":[1,11]}"#.to_owned());
        hear(r#"{"case":"syncs_of_a_stored_config","who":"api","count":2}"#.to_owned());
        results
    }

    #[test]
    fn growth_is_against_the_same_toolstack() {
        let missed = |many_us, hypercalls, syncs| {
            let metrics = compare(&heard(many_us, hypercalls, syncs)).unwrap();
            metrics.into_iter().filter(|metric| metric.met == Met::Missed).map(|metric| metric.metric).collect::<Vec<_>>()
        };
        assert_eq!(missed(11, 20, 0), [""; 0]);
        assert_eq!(missed(12, 20, 0), ["create beside many over few, by API"]);
        assert_eq!(missed(10, 21, 1), ["hypercalls that a create gained", "waits for the disk of a create"]);
        assert!(compare(&Results::default()).is_err());
    }
}
